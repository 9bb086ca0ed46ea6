//! `ListCommands`, `ListCommandInvocations` and `GetCommandInvocation`.

use crate::api::ssm::{
    CommandFilter, CommandInvocation, CommandPlugin, GetCommandInvocationInput, GetCommandInvocationOutput,
    ListCommandInvocationsInput, ListCommandInvocationsOutput, ListCommandsInput, ListCommandsOutput,
};
use crate::api::{ApiError, Timestamp};
use crate::clock::WorldTime;
use crate::fault::Judgement;
use crate::page::{Cut, Page};
use crate::world::{CommandRef, SiteIndex, World};

use super::command::{Command, Invocation};

/// The service forgets commands after 30 days.
const REMEMBERED_SECONDS: i64 = 30 * 24 * 3600;
/// Rows of a page when the caller does not say.
const USUAL_ROWS: usize = 50;
/// Characters of output in a listing.
const LISTED_OUTPUT: usize = 2500;
/// Characters of standard output of one invocation.
const FULL_STDOUT: usize = 24_000;
/// Characters of standard error of one invocation.
const FULL_STDERR: usize = 8_000;

/// Filters of a listing, read once.
#[derive(Default)]
struct Wanted<'a> {
    after: Option<WorldTime>,
    before: Option<WorldTime>,
    status: Option<&'a str>,
    complete: Option<bool>,
    document: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn read(filters: Option<&'a [CommandFilter]>, of_commands: bool) -> Result<Self, ApiError> {
        let mut wanted = Self::default();
        for CommandFilter { key, value } in filters.unwrap_or_default() {
            let time = || {
                WorldTime::parse(value)
                    .ok_or_else(|| ApiError::validation(format!("{value} is not a valid date for {key}.")))
            };
            match key.as_str() {
                "InvokedAfter" => wanted.after = Some(time()?),
                "InvokedBefore" => wanted.before = Some(time()?),
                "Status" => wanted.status = Some(value),
                "DocumentName" => wanted.document = Some(value),
                "ExecutionStage" if of_commands => {
                    wanted.complete = Some(match value.as_str() {
                        "Complete" => true,
                        "Executing" => false,
                        _ => {
                            return Err(ApiError::validation(
                                "ExecutionStage must be Executing or Complete.",
                            ));
                        }
                    });
                }
                _ => return Err(ApiError::invalid_filter_key()),
            }
        }
        Ok(wanted)
    }

    fn covers(&self, command: &Command) -> bool {
        self.before.is_none_or(|before| command.requested < before)
            && self.document.is_none_or(|document| document == command.job.document())
            && self.complete.is_none_or(|complete| complete == command.is_over())
    }
}

impl World {
    /// Commands of a site that listings may show, newest first, from a position counted that way. Ends at the first
    /// that is too old: the cost is that of what is listed.
    fn recent(
        &self,
        site: SiteIndex,
        after: Option<WorldTime>,
        skip: usize,
    ) -> impl Iterator<Item = (usize, &Command)> {
        let oldest = self.now.plus_seconds(-REMEMBERED_SECONDS).max(after.unwrap_or_default());
        let commands = &self.commands[site as usize];
        commands
            .iter()
            .enumerate()
            .rev()
            .skip(skip)
            .take_while(move |(_, command)| command.requested >= oldest)
    }

    pub(crate) fn list_commands(
        &self,
        site: SiteIndex,
        input: &ListCommandsInput,
        judgement: &Judgement,
    ) -> Result<ListCommandsOutput, ApiError> {
        let wanted = Wanted::read(input.filters.as_deref(), true)?;
        let cut = Cut { short: judgement.short_pages };
        let page = Page::open("commands", input.next_token.as_deref(), input.max_results, USUAL_ROWS, cut)?;
        let node = input.instance_id.as_deref().map(|id| self.ids.get(id).copied());
        let total = self.commands[site as usize].len() as u64;
        let mut output = ListCommandsOutput::default();
        // Tokens count from the oldest, which stays put while new commands arrive.
        let skip = if input.next_token.is_some() { total.saturating_sub(page.start) as usize } else { 0 };
        for (index, command) in self.recent(site, wanted.after, skip) {
            let status = command.status();
            let shown = command.visible <= self.now
                && (command.association.is_none() || input.command_id.is_some())
                && wanted.covers(command)
                && wanted.status.is_none_or(|word| word == status.0.as_str() || word == status.1)
                && input.command_id.as_deref().is_none_or(|id| *id == *command.id)
                && node.is_none_or(|node| command.invocations.iter().any(|inv| Some(inv.node) == node));
            if !shown {
                continue;
            }
            if output.commands.len() >= page.size {
                output.next_token = Some(page.token(index as u64 + 1));
                break;
            }
            output.commands.push(command.to_wire());
        }
        Ok(output)
    }

    pub(crate) fn list_command_invocations(
        &self,
        site: SiteIndex,
        input: &ListCommandInvocationsInput,
        judgement: &Judgement,
    ) -> Result<ListCommandInvocationsOutput, ApiError> {
        let wanted = Wanted::read(input.filters.as_deref(), false)?;
        let cut = Cut { short: judgement.short_pages };
        let page =
            Page::open("invocations", input.next_token.as_deref(), input.max_results, USUAL_ROWS, cut)?;
        let node = input.instance_id.as_deref().map(|id| self.ids.get(id).copied());
        let mut output = ListCommandInvocationsOutput::default();
        let mut position = 0;
        for command in self.listed_commands(site, input.command_id.as_deref(), wanted.after) {
            if command.visible > self.now || !wanted.covers(command) {
                continue;
            }
            for invocation in &command.invocations {
                let word = invocation.detail;
                let shown = wanted
                    .status
                    .is_none_or(|wanted| wanted == word.as_str() || wanted == word.status().as_str())
                    && node.is_none_or(|node| Some(invocation.node) == node);
                if !shown {
                    continue;
                }
                position += 1;
                if position <= page.start {
                    continue;
                }
                if output.command_invocations.len() >= page.size {
                    output.next_token = Some(page.token(position - 1));
                    return Ok(output);
                }
                let details = input.details == Some(true);
                output.command_invocations.push(self.invocation_row(command, invocation, details, judgement));
            }
        }
        Ok(output)
    }

    /// One command by id, or all that are remembered.
    fn listed_commands(&self, site: SiteIndex, id: Option<&str>, after: Option<WorldTime>) -> Vec<&Command> {
        if let Some(id) = id {
            return self.known_command(site, id).map(|at| self.command(at)).into_iter().collect();
        }
        let recent = self.recent(site, after, 0).map(|(_, command)| command);
        recent.filter(|command| command.association.is_none()).collect()
    }

    /// A command of the site that is still remembered and already shown.
    fn known_command(&self, site: SiteIndex, id: &str) -> Option<CommandRef> {
        let at = self.command_ids.get(id).copied().filter(|at| at.site == site)?;
        let command = self.command(at);
        let forgotten = command.requested < self.now.plus_seconds(-REMEMBERED_SECONDS);
        (!forgotten && command.visible <= self.now).then_some(at)
    }

    fn invocation_row(
        &self,
        command: &Command,
        invocation: &Invocation,
        details: bool,
        judgement: &Judgement,
    ) -> CommandInvocation {
        let words = shown_details(invocation, judgement);
        let plugin = CommandPlugin {
            name: command.job.step().to_owned(),
            status: invocation.detail.plugin_status(),
            status_details: words.clone(),
            response_code: invocation.response_code,
            response_start_date_time: invocation.started.map(|at| Timestamp::from_millis(at.millis())),
            response_finish_date_time: invocation.finished.map(|at| Timestamp::from_millis(at.millis())),
            output: Some(cut(&combined_output(invocation), LISTED_OUTPUT)),
            ..Default::default()
        };
        let node = &self.fleet.nodes[invocation.node as usize];
        CommandInvocation {
            command_id: command.id.to_string(),
            instance_id: node.id.to_string(),
            instance_name: Some(format!("{}-{}", node.group.name, node.number)),
            comment: Some(command.comment.to_string()),
            document_name: command.job.document().to_owned(),
            document_version: Some("$DEFAULT".to_owned()),
            requested_date_time: Some(Timestamp::from_millis(command.requested.millis())),
            status: invocation.detail.status(),
            status_details: words,
            trace_output: Some(String::new()),
            command_plugins: if details { vec![plugin] } else { Vec::new() },
            ..Default::default()
        }
    }

    pub(crate) fn get_command_invocation(
        &self,
        site: SiteIndex,
        input: &GetCommandInvocationInput,
        judgement: &Judgement,
    ) -> Result<GetCommandInvocationOutput, ApiError> {
        let at =
            self.known_command(site, &input.command_id).ok_or_else(ApiError::invocation_does_not_exist)?;
        let command = self.command(at);
        let node = self.ids.get(input.instance_id.as_str()).copied();
        let invocation = command
            .invocations
            .iter()
            .find(|invocation| Some(invocation.node) == node)
            .ok_or_else(ApiError::invocation_does_not_exist)?;
        if input.plugin_name.as_deref().is_some_and(|name| name != command.job.step()) {
            return Err(ApiError::invalid_plugin_name());
        }
        let text = |at: Option<WorldTime>| at.map(|at| at.to_string()).unwrap_or_default();
        let elapsed = match (invocation.started, invocation.finished) {
            (Some(start), Some(end)) => format!("PT{}S", end.millis_since(start) as f64 / 1000.0),
            _ => String::new(),
        };
        Ok(GetCommandInvocationOutput {
            command_id: input.command_id.clone(),
            instance_id: input.instance_id.clone(),
            comment: Some(command.comment.to_string()),
            document_name: command.job.document().to_owned(),
            document_version: Some("$DEFAULT".to_owned()),
            plugin_name: Some(command.job.step().to_owned()),
            response_code: invocation.response_code,
            execution_start_date_time: text(invocation.started),
            execution_elapsed_time: elapsed,
            execution_end_date_time: text(invocation.finished),
            status: invocation.detail.status(),
            status_details: shown_details(invocation, judgement),
            standard_output_content: cut(&invocation.stdout, FULL_STDOUT),
            standard_error_content: cut(&invocation.stderr, FULL_STDERR),
            ..Default::default()
        })
    }
}

fn shown_details(invocation: &Invocation, judgement: &Judgement) -> String {
    match &judgement.unknown_status {
        Some(word) if !invocation.detail.is_terminal() => word.clone(),
        _ => invocation.detail.as_str().to_owned(),
    }
}

/// Standard error is appended under a rule, as the console shows it.
fn combined_output(invocation: &Invocation) -> String {
    if invocation.stderr.is_empty() {
        return invocation.stdout.clone();
    }
    format!("{}\n----------ERROR-------\n{}", invocation.stdout, invocation.stderr)
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}
