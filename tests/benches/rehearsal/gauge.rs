//! What the kernel counted for this process (Linux), and how a figure is printed.

use serde_json::json;

/// Seconds of CPU this process has used.
pub fn cpu_seconds() -> f64 {
    // The first number of schedstat is nanoseconds on a CPU, of the main thread: every bench here works on that one.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN);
    nanos / 1e9
}

/// Most memory this process ever had resident, in MB (10⁶ bytes).
pub fn peak_megabytes() -> f64 {
    status("VmHWM")
}

/// Memory resident now, in MB (10⁶ bytes).
pub fn resident_megabytes() -> f64 {
    status("VmRSS")
}

fn status(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(f64::NAN);
    kib * 1024.0 / 1e6
}

/// A bound that a figure should keep.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtMost(f64),
    None,
}

/// One measured figure.
#[derive(Debug)]
pub struct Figure<'a> {
    pub measured: &'a str,
    pub on: &'a str,
    pub value: f64,
    pub unit: &'a str,
    pub target: Target,
}

impl Figure<'_> {
    /// Prints it: a line for people, or JSON when `WAVETRAIN_BENCH_JSON` is set (`tests/bench` joins those).
    #[allow(clippy::print_stdout, reason = "printing is what a bench is for")]
    pub fn print(&self) {
        let Self { measured, on, value, unit, target } = self;
        let bound = match target {
            Target::AtMost(bound) => Some(*bound),
            Target::None => None,
        };
        if std::env::var_os("WAVETRAIN_BENCH_JSON").is_some() {
            println!(
                "{}",
                json!({ "measured": measured, "on": on, "value": value, "unit": unit, "at_most": bound })
            );
            return;
        }
        let verdict = match bound {
            Some(bound) if *value <= bound => format!("  (target: at most {bound}, kept)"),
            Some(bound) => format!("  (target: at most {bound}, MISSED)"),
            None => String::new(),
        };
        println!("{measured:<44} {on:<44} {value:>12.3} {unit}{verdict}");
    }
}
