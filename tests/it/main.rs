//! The one integration crate: what no single crate can test about itself.

mod golden;
mod layers;
mod policies;
