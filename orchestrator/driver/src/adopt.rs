//! Finding commands again by their markers, after a crash or a lost answer. Pure: time comes in.

use crate::watch::shortened;
use std::collections::BTreeMap;
use wavetrain_model::id::{CommandId, IntentId, RolloutId, SiteIndex, marker};
use wavetrain_model::time::Timestamp;
use wavetrain_ports::distributor::Listing;

/// How far before an intent was recorded its command may seem to have been requested: clocks differ.
const CLOCK_SKEW_MS: i64 = 5 * 60_000;

/// First pause between two searches of a site.
const FIRST_PAUSE_MS: i64 = 5_000;

/// Longest pause between two searches of a site.
const LONGEST_PAUSE_MS: i64 = 20_000;

/// Commands read in one search. A listing that ends before is no proof of absence.
pub(crate) const SEARCH_LIMIT: usize = 20_000;

/// The searches of all sites.
#[derive(Debug, Default)]
pub(crate) struct Searches {
    sites: BTreeMap<SiteIndex, Search>,
}

#[derive(Debug, Default)]
struct Search {
    wanted: BTreeMap<IntentId, Timestamp>,
    /// Intents that the listing under way speaks about: those that were uncertain before it began.
    asked: Option<Vec<IntentId>>,
    next_at: Timestamp,
    pause_ms: i64,
    rounds: u64,
}

impl Searches {
    /// Looks for these intents (with site and moment of recording) and no others.
    pub(crate) fn follow(&mut self, now: Timestamp, wanted: &[(IntentId, SiteIndex, Timestamp)]) {
        for search in self.sites.values_mut() {
            search.wanted.clear();
        }
        for (intent, site, recorded_at) in wanted {
            let search = self.sites.entry(*site).or_insert_with(|| Search {
                next_at: now,
                pause_ms: FIRST_PAUSE_MS,
                ..Search::default()
            });
            search.wanted.insert(*intent, *recorded_at);
        }
        self.sites.retain(|_, search| !search.wanted.is_empty() || search.asked.is_some());
    }

    /// When the next search is due.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.sites.values().filter(|search| search.is_idle()).map(|search| search.next_at).min()
    }

    /// The sites to search now, and since when; each must be answered with [`Self::searched`].
    pub(crate) fn begin(&mut self, now: Timestamp) -> Vec<(SiteIndex, Timestamp)> {
        let mut begun = Vec::new();
        for (site, search) in &mut self.sites {
            if !search.is_idle() || search.next_at > now {
                continue;
            }
            let Some(oldest) = search.wanted.values().min() else { continue };
            begun.push((*site, Timestamp(oldest.0 - CLOCK_SKEW_MS)));
            search.asked = Some(search.wanted.keys().copied().collect());
        }
        begun
    }

    /// A search came back (None: it failed or was not made). Gives what it says about each intent: the commands
    /// that carry its marker, or none where the listing is proof that there is none.
    pub(crate) fn searched(
        &mut self,
        site: SiteIndex,
        now: Timestamp,
        rollout: &RolloutId,
        listing: Option<&Listing>,
    ) -> Vec<(IntentId, Vec<CommandId>)> {
        let Some(search) = self.sites.get_mut(&site) else { return Vec::new() };
        let asked = search.asked.take().unwrap_or_default();
        search.rounds += 1;
        search.next_at = Timestamp(now.0 + search.pause_ms);
        search.pause_ms =
            shortened((search.pause_ms * 3 / 2).min(LONGEST_PAUSE_MS), search.rounds).max(FIRST_PAUSE_MS);
        match listing {
            Some(listing) => matches(rollout, &asked, listing),
            None => Vec::new(),
        }
    }
}

impl Search {
    fn is_idle(&self) -> bool {
        self.asked.is_none() && !self.wanted.is_empty()
    }
}

/// Which commands carry the intents' markers. An intent that is not found is left out unless the listing is
/// complete.
fn matches(rollout: &RolloutId, asked: &[IntentId], listing: &Listing) -> Vec<(IntentId, Vec<CommandId>)> {
    let mut by_comment: BTreeMap<&str, Vec<&CommandId>> = BTreeMap::new();
    for command in &listing.commands {
        by_comment.entry(&command.comment).or_default().push(&command.id);
    }
    let found = asked.iter().map(|intent| {
        let ids = by_comment.get(marker(rollout, *intent).as_str());
        // Listings are not of one moment: a command may be on two pages.
        let mut ids: Vec<CommandId> = ids.into_iter().flatten().map(|id| (*id).clone()).collect();
        ids.sort();
        ids.dedup();
        (*intent, ids)
    });
    found.filter(|(_, ids)| listing.complete || !ids.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetrain_ports::distributor::Command;

    const SITE: SiteIndex = SiteIndex(0);

    fn command(id: &str, comment: &str) -> Command {
        Command {
            id: id.into(),
            comment: comment.to_owned(),
            targets: 1,
            completed: 0,
            errors: 0,
            delivery_timed_out: 0,
            over: false,
            requested_at: Timestamp(0),
        }
    }

    fn searching(intents: &[u64]) -> Searches {
        let mut searches = Searches::default();
        let wanted: Vec<_> = intents.iter().map(|id| (IntentId(*id), SITE, Timestamp(1_000_000))).collect();
        searches.follow(Timestamp(1_000_000), &wanted);
        searches
    }

    #[test]
    fn one_listing_answers_for_all_intents_of_a_site_and_reaches_back_before_the_oldest() {
        let mut searches = searching(&[1, 2, 11]);
        assert_eq!(searches.begin(Timestamp(1_000_000)), [(SITE, Timestamp(700_000))]);
        assert!(searches.begin(Timestamp(1_000_000)).is_empty(), "one listing of a site at a time");
        let commands = vec![command("c-2", "wavetrain r 2"), command("c-1", "wavetrain r 1")];
        let listing = Listing { commands, complete: true };
        let found = searches.searched(SITE, Timestamp(1_000_100), &"r".into(), Some(&listing));
        assert_eq!(
            found,
            [
                (IntentId(1), vec!["c-1".into()]),
                (IntentId(2), vec!["c-2".into()]),
                // Not `wavetrain r 1`: comments are compared whole.
                (IntentId(11), vec![]),
            ]
        );
    }

    #[test]
    fn an_incomplete_listing_proves_no_absence() {
        let mut searches = searching(&[1, 2]);
        searches.begin(Timestamp(1_000_000));
        let listing = Listing { commands: vec![command("c-2", "wavetrain r 2")], complete: false };
        let found = searches.searched(SITE, Timestamp(1_000_100), &"r".into(), Some(&listing));
        assert_eq!(found, [(IntentId(2), vec!["c-2".into()])]);
    }

    #[test]
    fn a_listing_says_nothing_about_an_intent_that_became_uncertain_while_it_ran() {
        let mut searches = searching(&[1]);
        searches.begin(Timestamp(1_000_000));
        let both = [1, 2].map(|id| (IntentId(id), SITE, Timestamp(1_000_000)));
        searches.follow(Timestamp(1_000_050), &both);
        let listing = Listing { commands: vec![], complete: true };
        let found = searches.searched(SITE, Timestamp(1_000_100), &"r".into(), Some(&listing));
        assert_eq!(found, [(IntentId(1), vec![])]);
    }

    #[test]
    fn searches_repeat_at_least_five_seconds_apart() {
        let mut searches = searching(&[1]);
        let mut now = Timestamp(1_000_000);
        for _ in 0..10 {
            assert_eq!(searches.begin(now).len(), 1);
            searches.searched(SITE, now, &"r".into(), None);
            let next = searches.next_at().expect("still looking");
            assert!(next.0 - now.0 >= FIRST_PAUSE_MS && next.0 - now.0 <= LONGEST_PAUSE_MS, "{next:?}");
            now = next;
        }
    }

    #[test]
    fn a_command_carrying_the_marker_twice_is_reported_once_and_two_commands_are_both_reported() {
        let listing = Listing {
            commands: vec![
                command("c-9", "wavetrain r 1"),
                command("c-1", "wavetrain r 1"),
                command("c-1", "wavetrain r 1"),
            ],
            complete: true,
        };
        let found = matches(&"r".into(), &[IntentId(1)], &listing);
        assert_eq!(found, [(IntentId(1), vec!["c-1".into(), "c-9".into()])]);
    }
}
