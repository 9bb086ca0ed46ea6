//! The one integration crate: what no single crate can test about itself.

mod course;
mod dashboards;
mod interruption;
mod orders;
mod trouble;
mod golden;
mod kit;
mod layers;
mod policies;
