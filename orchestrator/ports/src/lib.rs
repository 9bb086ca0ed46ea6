//! Traits to the outside, and the typed outcomes that the engine decides on.
//!
//! For: the driver (caller), `wavetrain-aws` and the simulated AWS (implementations).
//! Must not know: any implementation, SDK types, tokio. An answer that leads to a decision is an enum here, not an error.
//! Start at [`fleet::Fleet`] (who is there), [`distributor::Distributor`] (commands), [`associations::Associations`]
//! (State Manager), [`metrics::Metrics`] (CloudWatch), [`compliance::ComplianceBook`] (what SSM knows about nodes),
//! [`signals::Signals`] (Prometheus and other servers), [`registry::Registry`] and [`bucket::Bucket`] (publishing packages),
//! [`organization::Organization`] (which accounts there are).

pub mod associations;
pub mod bucket;
pub mod clock;
pub mod compliance;
pub mod distributor;
pub mod failure;
pub mod fleet;
pub mod metrics;
pub mod organization;
pub mod registry;
pub mod signals;

/// Everything a driver needs from one AWS, real or simulated.
pub trait Cloud:
    fleet::Fleet
    + distributor::Distributor
    + associations::Associations
    + metrics::Metrics
    + compliance::ComplianceBook
{
}

impl<T> Cloud for T where
    T: fleet::Fleet
        + distributor::Distributor
        + associations::Associations
        + metrics::Metrics
        + compliance::ComplianceBook
{
}
