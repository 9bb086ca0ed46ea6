//! Simple Storage Service: buckets, and what is known of the objects in them. Their bytes are elsewhere.

mod buckets;
mod dispatch;
mod objects;
mod policy;
mod store;
mod upload;

pub use store::{Bucket, Object, Store, is_bucket_name};
pub use upload::PartFacts;

#[cfg(test)]
mod tests;
