//! What of a measurement goes into the log.

use wavetrain_model::gate::{AlarmState, Found, Reading};

/// Alarms, or points, of one measurement that the log keeps.
const MOST: usize = 1_000;

/// Bytes of an HTTP answer that the log keeps.
const BODY_BYTES: usize = 2_048;

/// The readings, cut to what a log can hold when a gate is measured every minute in thousands of sites: what is bad first, of
/// series the newest points.
pub(crate) fn kept(readings: &[Reading]) -> Vec<Reading> {
    let mut room = MOST;
    let cut = readings.iter().map(|reading| {
        let found = reading.found.clone().map(|found| match found {
            Found::Alarms(mut alarms) => {
                alarms.sort_by_key(|alarm| alarm.state == AlarmState::Ok);
                alarms.truncate(room);
                room -= alarms.len();
                Found::Alarms(alarms)
            }
            Found::Series(mut all) => {
                all.truncate(room);
                for series in &mut all {
                    let dropped = series.points.len().saturating_sub(room);
                    series.points.drain(..dropped);
                    series.complete &= dropped == 0;
                    room -= series.points.len();
                }
                Found::Series(all)
            }
            Found::Answer { status, mut body } => {
                body.truncate(body.floor_char_boundary(BODY_BYTES));
                Found::Answer { status, body }
            }
        });
        Reading { site: reading.site, found }
    });
    cut.collect()
}
