//! Content-addressed bytes, checked on every read, encrypted where they are secret.
