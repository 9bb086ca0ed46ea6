//! What of a measurement goes into the log.

use wavetrain_model::gate::{AlarmState, Found, Reading, Standing};

/// Alarms, points or nodes of one measurement that the log keeps.
const MOST: usize = 1_000;

/// Nodes of one look before a wave that the log keeps: once in a wave, and what is left out cannot be told from what is new.
const MOST_OF_BASELINE: usize = 20_000;

/// Bytes of an HTTP answer that the log keeps.
const BODY_BYTES: usize = 2_048;

/// Changes of one alarm's state that the log keeps.
const CHANGES: usize = 20;

/// Nodes by how little their compliance leaves to be desired.
fn goodness(standing: &Standing) -> u8 {
    let is_bad = standing.types.iter().any(|one| one.compliant == Some(false));
    let is_silent = standing.types.iter().all(|one| one.compliant.is_none());
    if is_bad { 0 } else { 2 - u8::from(is_silent) }
}

/// The readings, cut to what a log can hold when a gate is measured every minute in thousands of sites: what is bad first, of
/// series the newest points.
pub(crate) fn kept(readings: &[Reading]) -> Vec<Reading> {
    cut(readings, MOST)
}

/// What a look before a wave leaves in the log: every node that is not compliant, and one that is, because it shows that none of
/// those left out is not.
pub(crate) fn kept_of_baseline(readings: &[Reading]) -> Vec<Reading> {
    let bare = readings.iter().map(|reading| {
        let found = reading.found.clone().map(|found| match found {
            Found::Compliance { mut nodes, left_out } => {
                nodes.sort_by_key(goodness);
                let told = nodes.len();
                let bad = nodes.iter().take_while(|standing| goodness(standing) == 0).count();
                nodes.truncate(bad + 1);
                Found::Compliance { left_out: left_out.saturating_add((told - nodes.len()) as u32), nodes }
            }
            other => other,
        });
        Reading { found, ..reading.clone() }
    });
    cut(&bare.collect::<Vec<_>>(), MOST_OF_BASELINE)
}

fn cut(readings: &[Reading], mut room: usize) -> Vec<Reading> {
    let cut = readings.iter().map(|reading| {
        let mut left_out = 0;
        let found = reading.found.clone().map(|found| match found {
            Found::Alarms(mut alarms) => {
                alarms.sort_by_key(|alarm| alarm.state == AlarmState::Ok);
                left_out += shorten(&mut alarms, room);
                for alarm in &mut alarms {
                    let surplus = alarm.meanwhile.len().saturating_sub(CHANGES);
                    alarm.meanwhile.drain(..surplus);
                    left_out += surplus;
                }
                room -= alarms.len();
                Found::Alarms(alarms)
            }
            Found::Series(mut all) => {
                left_out += all.iter().skip(room).map(|series| series.points.len().max(1)).sum::<usize>();
                all.truncate(room);
                for series in &mut all {
                    let dropped = series.points.len().saturating_sub(room);
                    series.points.drain(..dropped);
                    series.complete &= dropped == 0;
                    room -= series.points.len();
                    left_out += dropped;
                }
                Found::Series(all)
            }
            Found::Compliance { mut nodes, left_out } => {
                nodes.sort_by_key(goodness);
                let dropped = shorten(&mut nodes, room);
                room -= nodes.len();
                Found::Compliance { nodes, left_out: left_out.saturating_add(dropped as u32) }
            }
            Found::Probed(mut nodes) => {
                left_out += shorten(&mut nodes, room);
                room -= nodes.len();
                Found::Probed(nodes)
            }
            Found::Lost(mut lost) => {
                left_out += shorten(&mut lost, room);
                room -= lost.len();
                Found::Lost(lost)
            }
            Found::Answer { status, mut body } => {
                let whole = body.len();
                body.truncate(body.floor_char_boundary(BODY_BYTES));
                left_out += whole - body.len();
                Found::Answer { status, body }
            }
        });
        let left_out = reading.left_out.saturating_add(u32::try_from(left_out).unwrap_or(u32::MAX));
        Reading { site: reading.site, found, left_out }
    });
    cut.collect()
}

/// Keeps the first so many; how many that were too many.
fn shorten<T>(all: &mut Vec<T>, room: usize) -> usize {
    let dropped = all.len().saturating_sub(room);
    all.truncate(room);
    dropped
}

#[cfg(test)]
mod tests {
    use super::{MOST, kept};
    use wavetrain_model::gate::{Found, Lost, Reading};
    use wavetrain_model::id::NodeIndex;
    use wavetrain_model::time::Timestamp;

    #[test]
    fn a_cut_reading_says_how_much_of_it_is_missing() {
        let lost = |nodes: u32| {
            let lost = (0..nodes).map(|node| Lost { node: NodeIndex(node), heard_at: Timestamp(0) });
            Reading::new(None, Ok(Found::Lost(lost.collect())))
        };
        let missing =
            |readings: &[Reading]| -> Vec<u32> { kept(readings).iter().map(Reading::missing).collect() };
        assert_eq!(missing(&[lost(MOST as u32)]), [0]);
        assert_eq!(missing(&[lost(MOST as u32 - 1), lost(5)]), [0, 4]);
        let body = "x".repeat(5_000);
        assert_eq!(missing(&[Reading::new(None, Ok(Found::Answer { status: 200, body }))]), [2_952]);
    }
}
