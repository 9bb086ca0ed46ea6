//! Policy packs and guardrails as they are written.

use super::{Api, DAY, Deadlines, Gate, Guards, Limits, MINUTE, Rollback, Wave};
use crate::scalar::{Length, Text, Whole, Word};
use crate::shape::{List, shape};
use crate::text::{ApiVersion, Approver, CelText, Name, ZoneName};
use wavetrain_model::guardrail::{Effect, Moment};
use wavetrain_model::limit;

shape! {
    /// A policy pack: parts of plan files, for plans to `use`.
    PolicyFile = "a policy file" {
        /// Format of this file: `wavetrain/v1`.
        required api_version "apiVersion": Text<ApiVersion>;
        /// The parts that it gives.
        required policy "policy": Policy;
    }
}

shape! {
    /// Parts of a rollout that plan files share.
    Policy = "a policy", anyOf ["waves", "gates", "guards", "limits", "rollback", "deadlines", "api"] {
        /// In which order nodes get the version; a plan that has waves of its own cannot use these.
        optional waves "waves": List<Wave, 1, { limit::WAVES_PER_ROLLOUT }>;
        /// Gates, which join those of the plan.
        optional gates "gates": List<Gate, 1, { limit::GATES_PER_ROLLOUT }>;
        /// What every rollout is guarded by.
        optional guards "guards": Guards;
        /// How much changes at once, and how many failures are tolerated.
        optional limits "limits": Limits;
        /// What happens when something fails.
        optional rollback "rollback": Rollback;
        /// How long is waited for what.
        optional deadlines "deadlines": Deadlines;
        /// How hard AWS is asked.
        optional api "api": Api;
    }
}

shape! {
    /// A file of guardrails: what no plan may do, whatever it says.
    GuardrailFile = "a guardrail file" {
        /// Format of this file: `wavetrain/v1`.
        required api_version "apiVersion": Text<ApiVersion>;
        /// Them.
        required guardrails "guardrails": List<Guardrail, 1, { limit::GUARDRAILS_PER_FILE }>;
    }
}

shape! {
    /// One rule that every plan is held against.
    Guardrail = "a guardrail" {
        /// Name of the guardrail.
        required name "name": Text<Name>;
        /// When it is asked: `validate` knows the plan file, `start` the fleet too, `wave` asks before each wave opens.
        required when "when": List<Word<Moment>, 1, 3>;
        /// What must hold: CEL over `plan`, `now`, `accounts` and `regions`, from `start` on `unverified`, before a wave `wave`.
        required require "require": Text<CelText>;
        /// What happens if it does not: `deny`, `warn`, or an `approval` that the next wave waits for.
        defaulted otherwise "otherwise": Word<Effect> = "deny";
        /// Why, for the person who is stopped by it.
        required message "message": Text<crate::text::MessageText>;
        /// People or groups who may approve.
        optional from "from": List<Text<Approver>, 1, 100>;
        /// How many of them must; one unless given.
        optional need "need": Whole<1, 100>;
        /// A wave that waits for longer ends the rollout; nodes stay as they are.
        defaulted within "within": Length<MINUTE, { 90 * DAY }> = "7d";
        /// Time zone of `now`, such as `Europe/Berlin`.
        defaulted timezone "timezone": Text<ZoneName> = "UTC";
    }
}
