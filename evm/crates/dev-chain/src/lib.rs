//! A small development chain for tests: real blocks, and a node's JSON-RPC in front of them.
