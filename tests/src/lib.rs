//! The one integration crate: everything is in `it/`.
