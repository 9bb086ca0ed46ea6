//! The guards that every rollout has, as they are written.

use super::{DAY, MINUTE};
use crate::scalar::{Length, Share, Switch, Whole};
use crate::shape::shape;

shape! {
    /// What every rollout is guarded by from the first install to the last bake. Guards can stop a rollout; no wave waits for them.
    Guards = "guards" {
        /// Upgraded nodes that SSM hears no more.
        section connection "connection": Connection;
        /// Upgraded nodes whose metric ended, as the plan's comparisons see them.
        section reporting "reporting": Reporting;
        /// Installs that take much longer than those of earlier waves.
        section duration "duration": Duration;
    }
}

shape! {
    /// Upgraded nodes that SSM hears no more: more than among the untouched nodes of the same accounts and Regions.
    Connection = "a guard of the connection" {
        /// Whether it looks.
        defaulted enabled "enabled": Switch = "yes";
        /// Share of the upgraded nodes that may be lost; a single one always may, unless it is the only one.
        defaulted limit "limit": Share = "2%";
        /// How long a node may be silent: it may reboot.
        defaulted patience "patience": Length<{ 5 * MINUTE }, DAY> = "15m";
        /// Time between two looks, one call to every account and Region with upgraded nodes.
        defaulted every "every": Length<MINUTE, DAY> = "5m";
    }
}

shape! {
    /// Upgraded nodes whose metric ended, as the plan's comparisons see them: more than among the untouched nodes.
    Reporting = "a guard of reporting" {
        /// Whether it looks.
        defaulted enabled "enabled": Switch = "yes";
        /// Share of the upgraded nodes that may be silent; a single one always may.
        defaulted limit "limit": Share = "5%";
        /// How long a node may report nothing: its agent is installed anew, and it may reboot.
        defaulted patience "patience": Length<{ 5 * MINUTE }, DAY> = "15m";
    }
}

shape! {
    /// Installs that take much longer than those of earlier waves.
    Duration = "a guard of durations" {
        /// Whether it looks.
        defaulted enabled "enabled": Switch = "yes";
        /// A median more than this many times as long as that of the earlier waves is too long.
        defaulted times "times": Whole<2, 1000> = "3";
        /// If it is longer by more than this.
        defaulted more "more": Length<MINUTE, DAY> = "5m";
        /// Time between two looks; they cost no call.
        defaulted every "every": Length<MINUTE, DAY> = "5m";
    }
}
