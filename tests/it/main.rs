//! The one integration crate: what no single crate can test about itself.

mod associations;
mod course;
mod crashes;
mod dashboards;
mod demo;
mod examples;
mod fuzz;
mod gates;
mod golden;
mod guards;
mod health;
mod hostile;
mod interruption;
mod joining;
mod kit;
mod layers;
mod orders;
mod organization;
mod packages;
mod packs;
mod people;
mod policies;
mod published;
mod stories;
mod trials;
mod trouble;
