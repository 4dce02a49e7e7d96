//! The service around dispatch: its loop, its HTTP planes, verification.
