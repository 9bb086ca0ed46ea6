//! Standard output, standard error and the person in front of them.

use crate::args::Color;
use crate::exit::{Exit, Stop};
use crate::visible;
use std::io::{self, BufRead, IsTerminal, Write};

/// Longest reason for an early end, in characters: it may repeat whatever somebody typed.
const STOP_CHARS: usize = 4000;

/// How to speak: decided once, from the flags, the environment and what the streams are connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Console {
    /// Whether a person can be asked (standard input and standard error are terminals).
    pub can_ask: bool,
    /// Whether standard error is a terminal: progress may move.
    pub live: bool,
    /// Paint for standard output.
    pub out: Paint,
    /// Paint for standard error.
    pub err: Paint,
}

/// Whether colours are used. What they say is always said in words too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

/// What a colour underlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Waits, or worth a look.
    Careful,
    /// Failed.
    Bad,
    /// Headings.
    Strong,
}

impl Paint {
    /// The text in a tone.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Careful => "33",
            Tone::Bad => "31",
            Tone::Strong => "1",
        };
        format!("\u{1b}[{code}m{}\u{1b}[0m", visible::plain(text))
    }
}

impl Console {
    /// Looks at the environment and the streams.
    pub fn detect(color: Color) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let out_terminal = io::stdout().is_terminal();
        let err_terminal = io::stderr().is_terminal();
        let paint = |terminal: bool| {
            Paint(match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => terminal && !refused && !dumb,
            })
        };
        Self {
            can_ask: io::stdin().is_terminal() && err_terminal,
            live: err_terminal && !dumb,
            out: paint(out_terminal),
            err: paint(err_terminal),
        }
    }

    /// Data: to standard output. A reader that went away has what it wanted; how the command ends is not its business.
    pub fn data(self, text: &str) -> Result<(), Stop> {
        self.stream(text).or_else(|stop| if stop.exit == Exit::Done { Ok(()) } else { Err(stop) })
    }

    /// Data that has no end of its own: a reader that went away ends the command quietly.
    pub fn stream(self, text: &str) -> Result<(), Stop> {
        let text = if self.out.0 { visible::painted(text) } else { visible::plain(text) };
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| if text.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") });
        written.and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::silent(Exit::Done),
            _ => Stop::new(Exit::Unexpected, format!("cannot write to standard output: {error}")),
        })
    }

    /// A JSON document, indented, to standard output.
    pub fn json(self, document: &impl serde::Serialize) -> Result<(), Stop> {
        let text = serde_json::to_string_pretty(document).map_err(|error| Stop::unexpected(&error))?;
        self.data(&visible::json(&text))
    }

    /// A JSON document on one line, to standard output.
    pub fn json_line(self, document: &impl serde::Serialize) -> Result<(), Stop> {
        let text = serde_json::to_string(document).map_err(|error| Stop::unexpected(&error))?;
        self.data(&visible::json(&text))
    }

    /// One of many JSON documents without an end of their own, on one line.
    pub fn json_stream(self, document: &impl serde::Serialize) -> Result<(), Stop> {
        let text = serde_json::to_string(document).map_err(|error| Stop::unexpected(&error))?;
        self.stream(&visible::json(&text))
    }

    /// Everything else: to standard error. A closed standard error changes nothing about what is done.
    pub fn note(self, text: &str) {
        let text = if self.err.0 { visible::painted(text) } else { visible::plain(text) };
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{}", text.trim_end_matches('\n'));
    }

    /// Says why a command ends early.
    pub fn stop(self, stop: &Stop) {
        if !stop.message.is_empty() {
            let message = visible::shortened(&stop.message, STOP_CHARS);
            self.note(&format!("{} {}", self.err.tone(Tone::Bad, "error:"), visible::plain(&message)));
        }
        if !stop.help.is_empty() {
            let help = visible::shortened(&stop.help, STOP_CHARS);
            self.note(&format!("  {} {}", self.err.tone(Tone::Strong, "help:"), visible::plain(&help)));
        }
    }

    /// Asks before something is done that cannot be undone at once. Without a terminal there is nobody to ask.
    pub fn confirm(self, question: &str) -> Result<(), Stop> {
        if !self.can_ask {
            return Err(Stop::new(Exit::Usage, "this needs a yes, and there is no terminal to ask on")
                .help("look at what is shown above, then run it again with --yes"));
        }
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{} Type yes to go on: ", visible::plain(question));
        let _ = stderr.flush();
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        match read {
            Ok(_) if matches!(answer.trim().to_ascii_lowercase().as_str(), "yes" | "y") => Ok(()),
            Ok(_) | Err(_) => Err(Stop::new(Exit::Refused, "not confirmed, nothing was done")),
        }
    }
}

/// A console for tests: no terminal, no colour.
#[cfg(test)]
pub const PLAIN: Console = Console { can_ask: false, live: false, out: Paint(false), err: Paint(false) };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_a_text_stays_as_it_is() {
        assert_eq!(Paint(false).tone(Tone::Bad, "failed"), "failed");
        assert!(Paint(true).tone(Tone::Bad, "failed").contains("failed"));
    }

    #[test]
    fn a_question_nobody_can_answer_is_wrong_usage_and_names_the_flag() {
        let stop = PLAIN.confirm("Really?").unwrap_err();
        assert_eq!(stop.exit, Exit::Usage);
        assert!(stop.help.contains("--yes"));
    }
}
