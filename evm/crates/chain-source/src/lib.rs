//! Blocks of a chain and their witnesses, from an ordinary node, in order and across reorgs.
