//! One fair order over weighted groups: every beginning of it holds each group's exact share, rounded up or down.
//!
//! Percentages cut this order at different lengths. Splitting each length anew by largest remainder would be simpler,
//! but larger totals can then take a seat away from a group (the Alabama paradox), and a node would move to a later
//! wave because someone *raised* a percentage. An order that is fixed once cannot do that.
//!
//! The order is the one of the quota method, built as a schedule: with `w` of `W` in a group, its seat number `a + 1` may
//! be given from length `floor(a·W/w) + 1` on (earlier, the group would hold more than its share rounded up) and must be
//! given by length `ceil((a+1)·W/w)` (later, it would hold less than its share rounded down). Such windows can always be
//! met, and taking the most urgent seat first meets them. Integers only.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The group of each position; group `g` occurs `sizes[g]` times.
///
/// Seats equally urgent to the last fraction go by `tie(group, seat)`, then by group. Costs O(N log G) time and
/// 4 bytes a position.
pub(super) fn spread(sizes: &[u32], tie: impl Fn(u32, u32) -> u64) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let total: u64 = sizes.iter().map(|size| u64::from(*size)).sum();
    let length = usize::try_from(total).unwrap_or(usize::MAX);
    // Seats waiting to be released: a list per length, one seat of a group at a time.
    let mut released_at = vec![NONE; length + 1];
    let mut next_in_list = vec![NONE; sizes.len()];
    let mut given = vec![0_u32; sizes.len()];
    let mut urgent = BinaryHeap::new();
    let mut order = Vec::with_capacity(length);
    for (group, size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
        urgent.push(Reverse(seat(group as u32, 0, *size, total, &tie)));
    }
    for filled in 1..=length {
        let mut group = released_at[filled];
        while group != NONE {
            let at = group as usize;
            urgent.push(Reverse(seat(group, given[at], sizes[at], total, &tie)));
            group = next_in_list[at];
        }
        let Some(Reverse(taken)) = urgent.pop() else { break };
        let at = taken.group as usize;
        order.push(taken.group);
        given[at] += 1;
        if given[at] < sizes[at] {
            // A seat released now or earlier takes part from the next position on.
            let release = (u64::from(given[at]) * total / u64::from(sizes[at])) as usize + 1;
            let release = release.max(filled + 1);
            next_in_list[at] = std::mem::replace(&mut released_at[release], taken.group);
        }
    }
    order
}

/// A seat by urgency; fields compare in this order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seat {
    /// Last length at which it is in time.
    due: u64,
    /// What the rounding of `due` hid, in 2⁻³² of a position: the larger the remainder of the share, the smaller.
    slack: u64,
    tie: u64,
    group: u32,
}

fn seat(group: u32, given: u32, size: u32, total: u64, tie: &impl Fn(u32, u32) -> u64) -> Seat {
    let (seats, size) = ((u64::from(given) + 1) * total, u64::from(size));
    let due = seats.div_ceil(size);
    // Smaller exact deadlines first: compare the fraction that `ceil` rounded away, from the other side.
    let rounded_away = ((due * size - seats) << 32) / size;
    Seat { due, slack: u64::from(u32::MAX) + 1 - rounded_away, tie: tie(group, given), group }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_beginning_holds_exact_shares_rounded(sizes in prop::collection::vec(0_u32..60, 1..25), salt: u64) {
            let total: u64 = sizes.iter().map(|size| u64::from(*size)).sum();
            let order = spread(&sizes, |group, seat| salt.wrapping_mul(u64::from(group * 31 + seat) | 1));
            prop_assert_eq!(order.len() as u64, total);
            let mut held = vec![0_u64; sizes.len()];
            for (at, group) in order.iter().enumerate() {
                held[*group as usize] += 1;
                let filled = at as u64 + 1;
                for (size, held) in sizes.iter().zip(&held) {
                    let share = filled * u64::from(*size);
                    prop_assert!(*held >= share / total && *held <= share.div_ceil(total));
                }
            }
        }
    }

    #[test]
    fn equal_groups_take_turns() {
        assert_eq!(spread(&[2, 2, 2], |_, _| 0), [0, 1, 2, 0, 1, 2]);
    }
}
