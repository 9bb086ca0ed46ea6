//! `quarantine`: package versions that no rollout may install.
//!
//! A rollback adds to it by itself; taking something off is for people.

use super::context::{Context, person};
use crate::args::{Format, Quarantine};
use crate::exit::{Exit, Stop};
use crate::print::listing;
use wavetrain_store::{Cleared, NewQuarantine, QuarantineEntry};

/// `wavetrain quarantine …`.
pub async fn run(context: &Context, command: Quarantine) -> Result<Exit, Stop> {
    match command {
        Quarantine::List { all, output } => list(context, all, output).await,
        Quarantine::Add { package, version, reason } => add(context, package, version, reason).await,
        Quarantine::Clear { package, version, reason } => clear(context, &package, &version, reason).await,
    }
}

async fn list(context: &Context, all: bool, output: Format) -> Result<Exit, Stop> {
    let entries = match context.store_to_look_at()? {
        None => Vec::new(),
        Some(store) if all => store.quarantine_history().await?,
        Some(store) => store.quarantine_list().await?,
    };
    match output {
        Format::Json => context.console.json(&listing::quarantine_document(&entries))?,
        Format::Text if entries.is_empty() => context.console.note("nothing is quarantined"),
        Format::Text => context.console.data(&listing::quarantine(&entries))?,
    }
    Ok(Exit::Done)
}

async fn add(context: &Context, package: String, version: String, reason: String) -> Result<Exit, Stop> {
    if package.split_once('/').is_none_or(|(owner, name)| owner.len() != 12 || name.is_empty()) {
        return Err(Stop::new(Exit::Usage, format!("`{package}` does not say whose package it is"))
            .help("write OWNER/NAME, such as 111122223333/datadog-agent"));
    }
    let entry = NewQuarantine {
        package: package.clone(),
        version: version.clone(),
        reason,
        since_ms: context.now_to_look().await.0,
        by: person(),
    };
    let added = context.store()?.quarantine_add(entry).await?;
    context.console.note(&if added {
        format!("{package} {version} is quarantined: no plan installs it until it is cleared")
    } else {
        format!("{package} {version} is quarantined already; nothing changed")
    });
    Ok(Exit::Done)
}

async fn clear(context: &Context, said: &str, version: &str, reason: String) -> Result<Exit, Stop> {
    let Some(store) = context.existing_store()? else {
        context.console.note("nothing is quarantined");
        return Ok(Exit::Done);
    };
    let entries = store.quarantine_list().await?;
    let Some(package) = meant(&entries, said, version)? else {
        context.console.note(&format!("{said} {version} is not quarantined; nothing changed"));
        return Ok(Exit::Done);
    };
    let cleared = Cleared { reason, by: person(), at_ms: context.now_to_look().await.0 };
    store.quarantine_clear(package, version, cleared).await?;
    context.console.note(&format!("{package} {version} may be installed again"));
    Ok(Exit::Done)
}

/// The full name of the quarantined package that `said` means: itself, or the only one of that bare name.
fn meant<'e>(entries: &'e [QuarantineEntry], said: &str, version: &str) -> Result<Option<&'e str>, Stop> {
    let bare = |package: &str| package.split_once('/').is_some_and(|(_, name)| name == said);
    let found: Vec<&str> = entries
        .iter()
        .map(|entry| &entry.entry)
        .filter(|entry| entry.version == version && (entry.package == said || bare(&entry.package)))
        .map(|entry| entry.package.as_str())
        .collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(Stop::new(Exit::Usage, format!("`{said}` is quarantined for several owners"))
            .help(format!("write one of {}", several.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(package: &str) -> QuarantineEntry {
        let entry = NewQuarantine {
            package: package.to_owned(),
            version: "2".to_owned(),
            reason: String::new(),
            since_ms: 0,
            by: String::new(),
        };
        QuarantineEntry { entry, cleared: None }
    }

    #[test]
    fn a_bare_name_is_enough_while_it_is_unique() {
        let entries = [entry("111122223333/agent"), entry("111122223333/other")];
        assert_eq!(meant(&entries, "agent", "2").unwrap(), Some("111122223333/agent"));
        assert_eq!(meant(&entries, "111122223333/agent", "2").unwrap(), Some("111122223333/agent"));
        assert_eq!(meant(&entries, "agent", "3").unwrap(), None);
        let twice = [entry("111122223333/agent"), entry("444455556666/agent")];
        assert_eq!(meant(&twice, "agent", "2").unwrap_err().exit, Exit::Usage);
    }
}
