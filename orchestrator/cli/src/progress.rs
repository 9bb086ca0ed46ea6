//! The course of a rollout while it runs: moving bars on a terminal, lines everywhere else.

use crate::console::{Console, Tone};
use crate::print::event::{self, Weight};
use crate::print::table::grouped;
use crate::print::words;
use crate::visible;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wavetrain_driver::progress::{Progress, SiteProgress, WaveProgress};
use wavetrain_driver::{OnEntry, View};
use wavetrain_model::state::WavePhase;

/// How often the terminal is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(120);

/// Sites shown in trouble at once; more are counted.
const SITES_SHOWN: usize = 6;

/// Where a rollout's course is shown.
#[derive(Debug, Clone, Copy)]
pub struct Display {
    console: Console,
}

/// A display in use; [`Shown::close`] leaves the terminal tidy.
#[derive(Debug)]
pub struct Shown {
    drawing: Option<JoinHandle<()>>,
}

impl Display {
    /// Bars on a terminal, else lines.
    pub fn new(console: Console) -> Self {
        Self { console }
    }

    /// What the driver tells, and what shows it.
    pub fn open(self) -> (View, Shown) {
        let (progress, seen) = watch::channel(None);
        if self.console.live {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            let drawing = tokio::spawn(draw(Picture::new(self.console, bars.clone()), seen));
            let on_entry: OnEntry = Box::new(move |plan, entry| {
                // Above the bars, so that the decisions are still there when the bars are gone.
                if event::weight(&entry.event) == Weight::Course {
                    let _ = bars.println(visible::plain(&event::line(plan, entry)));
                }
            });
            return (View { progress, on_entry }, Shown { drawing: Some(drawing) });
        }
        let console = self.console;
        let on_entry: OnEntry = Box::new(move |plan, entry| {
            if event::weight(&entry.event) >= Weight::Work {
                console.note(&event::line(plan, entry));
            }
        });
        (View { progress, on_entry }, Shown { drawing: None })
    }
}

impl Shown {
    /// Waits until the last picture is drawn.
    pub async fn close(self) {
        if let Some(drawing) = self.drawing {
            // It ends by itself once the driver dropped its end; a panic there must not hide the result.
            let _ = drawing.await;
        }
    }
}

/// Draws until the driver is gone.
async fn draw(mut picture: Picture, mut seen: watch::Receiver<Option<Arc<Progress>>>) {
    let mut open = true;
    while open {
        open = seen.changed().await.is_ok();
        let newest = seen.borrow_and_update().clone();
        if let Some(progress) = newest {
            picture.show(&progress);
        }
        if open {
            tokio::time::sleep(DRAW_EVERY).await;
        }
    }
    picture.leave();
}

/// What stands on the terminal.
struct Picture {
    console: Console,
    bars: MultiProgress,
    headline: ProgressBar,
    waves: Vec<ProgressBar>,
    rollback: Option<ProgressBar>,
    remarks: ProgressBar,
}

impl Picture {
    fn new(console: Console, bars: MultiProgress) -> Self {
        let headline = bars.add(text_line());
        let remarks = bars.add(text_line());
        Self { console, bars, headline, waves: Vec::new(), rollback: None, remarks }
    }

    fn show(&mut self, progress: &Progress) {
        self.headline.set_message(format!(
            "{}  {}  {} calls, {} commands",
            progress.at,
            self.console.err.tone(Tone::Strong, &progress.headline),
            grouped(progress.calls),
            grouped(progress.commands)
        ));
        while self.waves.len() < progress.waves.len() {
            let bar = ProgressBar::new(u64::from(progress.waves[self.waves.len()].size.max(1)));
            bar.set_style(bar_style());
            self.waves.push(self.bars.insert_before(&self.remarks, bar));
        }
        for (bar, wave) in self.waves.iter().zip(&progress.waves) {
            bar.set_prefix(format!("{:<12.12} {:<10}", wave.name, words::wave_phase(&wave.phase)));
            bar.set_position(u64::from(wave.tally.finished()));
            bar.set_message(wave_words(wave));
        }
        self.show_rollback(progress);
        self.remarks.set_message(visible::plain(&remarks(progress)).into_owned());
    }

    fn show_rollback(&mut self, progress: &Progress) {
        let Some(rollback) = &progress.rollback else { return };
        let bar = self.rollback.get_or_insert_with(|| {
            let bar = ProgressBar::new(u64::from(rollback.total.max(1)));
            bar.set_style(bar_style());
            self.bars.insert_before(&self.remarks, bar)
        });
        bar.set_length(u64::from(rollback.total.max(1)));
        bar.set_prefix(format!("{:<23}", "rollback"));
        bar.set_position(u64::from(rollback.restored + rollback.failed));
        bar.set_message(format!(
            "{} restored, {} not restored, {} in flight",
            grouped(rollback.restored),
            grouped(rollback.failed),
            grouped(rollback.in_flight)
        ));
    }

    /// Takes the bars away: the summary that follows says the same and stays.
    fn leave(&self) {
        // A terminal that cannot be cleared is no reason to fail.
        let _ = self.bars.clear();
    }
}

fn wave_words(wave: &WaveProgress) -> String {
    let failed = wave.tally.failures();
    let mut words = format!("{} in flight", grouped(wave.in_flight));
    if failed > 0 {
        let _ = write!(words, ", {} FAILED", grouped(failed));
    }
    if wave.tally.undelivered() > 0 {
        let _ = write!(words, ", {} undelivered", grouped(wave.tally.undelivered()));
    }
    if matches!(wave.phase, WavePhase::Baking { .. }) {
        words = format!(
            "baked {} of {}{}",
            words::short(wave.baked),
            wave.bake,
            words.trim_start_matches("0 in flight")
        );
    }
    words
}

fn remarks(progress: &Progress) -> String {
    let mut lines: Vec<String> = Vec::new();
    let troubled: Vec<&SiteProgress> =
        progress.sites.iter().filter(|site| site.errors > 0 || site.failures > 0).collect();
    for site in troubled.iter().take(SITES_SHOWN) {
        lines.push(format!(
            "{}  {} of {} finished, {} failed, {} calls failed in a row",
            site.name,
            grouped(site.finished),
            grouped(site.nodes),
            grouped(site.failures),
            site.errors
        ));
    }
    if troubled.len() > SITES_SHOWN {
        lines.push(format!("and {} more sites in trouble", troubled.len() - SITES_SHOWN));
    }
    lines.extend(progress.holds.iter().map(|hold| format!("HELD {}; {}", hold.reason, hold.next_step)));
    if let Some(last) = progress.last.last() {
        lines.push(event::one_line(last));
    }
    lines.join("\n")
}

fn text_line() -> ProgressBar {
    let bar = ProgressBar::new(1);
    bar.set_style(style("{msg}"));
    bar
}

fn bar_style() -> ProgressStyle {
    style("  {prefix} {bar:30} {human_pos:>6}/{human_len:<6} {msg}")
}

fn style(template: &str) -> ProgressStyle {
    // Templates are constants; one that indicatif does not know falls back to its own.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::status::tests::plan;
    use wavetrain_model::state::State;
    use wavetrain_model::time::Timestamp;

    #[test]
    fn a_site_in_trouble_is_named_and_others_are_not() {
        let plan = plan();
        let mut state = State::new(&plan);
        assert_eq!(remarks(&Progress::of(&plan, &state, Timestamp(0))), "");
        state.sites[0].errors = 3;
        let shown = remarks(&Progress::of(&plan, &state, Timestamp(0)));
        assert!(
            shown.contains("111122223333/eu-west-1") && shown.contains("3 calls failed in a row"),
            "{shown}"
        );
    }
}
