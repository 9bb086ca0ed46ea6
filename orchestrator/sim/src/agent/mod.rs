//! One node's SSM agent, as far as `AWS-ConfigureAWSPackage` exercises it.
//!
//! The agent keeps a state file per package, a directory per version and a cache of manifests ([`local`]). What is
//! really installed, the *bits*, is a separate fact: the agent never looks at it, and after some failures its state
//! file says one thing while the machine holds another. Both are modelled so that the difference can be observed.
//!
//! [`run`] is the algorithm; [`behaviour`] scripts what each version's install scripts do.

pub mod behaviour;
mod effects;
pub mod local;
pub mod platform;
pub mod real;
pub mod request;
pub mod run;
mod transcript;

#[cfg(test)]
mod bench;
#[cfg(test)]
mod rows;
