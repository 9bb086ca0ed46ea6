//! Which part of the fleet a wave may take from, known before any node is.

use wavetrain_model::fleet::Platform;
use wavetrain_model::spec::{Fleet, Within};

/// Platforms that Distributor installs on.
const PLATFORMS: [Platform; 2] = [Platform::Linux, Platform::Windows];

/// A set of cells: account × Region × platform. Nodes of different cells are different nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Population(Vec<u64>);

impl Population {
    /// No cell of this fleet.
    pub fn nothing(fleet: &Fleet) -> Self {
        Self(vec![0; (fleet.accounts.len() * fleet.regions.len() * PLATFORMS.len()).div_ceil(64)])
    }

    /// The cells that a restriction leaves.
    pub fn of(within: &Within, fleet: &Fleet) -> Self {
        let mut cells = Self::nothing(fleet);
        let regions: Vec<bool> = fleet.regions.iter().map(|region| allows(&within.regions, region)).collect();
        let platforms = PLATFORMS.map(|platform| allows(&within.platforms, &platform));
        let allowed: std::collections::BTreeSet<_> = within.accounts.iter().collect();
        let mut cell = 0;
        for account in &fleet.accounts {
            let is_account = allowed.is_empty() || allowed.contains(account);
            for is_region in &regions {
                for is_platform in platforms {
                    if is_account && *is_region && is_platform {
                        cells.0[cell / 64] |= 1 << (cell % 64);
                    }
                    cell += 1;
                }
            }
        }
        cells
    }

    /// Adds the other's cells.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    /// Whether some cell is in both.
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(mine, theirs)| mine & theirs != 0)
    }

    /// Whether all cells of the other are in this one.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, theirs)| theirs & !mine == 0)
    }

    /// An account, a Region and a platform that the other has and this one lacks.
    pub fn first_missing(&self, other: &Self, fleet: &Fleet) -> Option<String> {
        let (word, bits) = self
            .0
            .iter()
            .zip(&other.0)
            .map(|(mine, theirs)| theirs & !mine)
            .enumerate()
            .find(|(_, bits)| *bits != 0)?;
        let cell = word * 64 + bits.trailing_zeros() as usize;
        let (site, platform) = (cell / PLATFORMS.len(), PLATFORMS[cell % PLATFORMS.len()]);
        let account = fleet.accounts.get(site / fleet.regions.len())?;
        Some(format!("{platform} nodes in {account}/{}", fleet.regions[site % fleet.regions.len()]))
    }
}

fn allows<T: PartialEq>(list: &[T], item: &T) -> bool {
    list.is_empty() || list.contains(item)
}
