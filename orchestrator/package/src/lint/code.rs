//! The stable codes of findings, and what each means at length.

use wavetrain_model::diagnostic::Severity::{self, Error, Warning};

/// A stable code such as `L0301`. Never reused for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub &'static str, pub Severity);

macro_rules! codes {
    ($( $name:ident $code:literal $severity:ident $text:literal )*) => {
        $( pub const $name: Code = Code($code, $severity); )*

        /// Every code with its explanation, in order.
        pub const ALL: &[(&str, &str)] = &[$( ($code, $text) ),*];
    };
}

codes! {
    ACCEPTED_NOTHING "L0001" Warning
    "`accept` names a finding that this package does not have, or that does not exist. Delete the entry, so that the \
     finding is seen when it comes."

    ACCEPTED_SEVERAL "L0002" Warning
    "`accept` names a file by an end of its path that several files with the finding have. None of them is accepted: what \
     is meant to be in one file may be a mistake in the other."

    // L01: what lies where
    MISSING_SCRIPT "L0101" Error
    "The agent needs an install and an uninstall script at the top of every zip: `install.sh` and `uninstall.sh` for Linux, \
     `install.ps1` and `uninstall.ps1` for Windows. Without an install script it says that the package is not supported."
    MISPLACED_SCRIPT "L0102" Error
    "Scripts are looked for at the top of the zip, under their exact lower-case names. In a folder, or as `Install.sh`, they \
     are not found."
    TWO_SCRIPTS "L0103" Error
    "A zip may have one implementation of an action. With `install.sh` and `install.ps1` in one zip, the agent refuses both: \
     give Linux and Windows a zip each."
    ONE_FILE "L0104" Error
    "The agent takes a folder with fewer than two files, and without folders in it, for an incomplete download, and fails."
    MANIFEST_INSIDE "L0105" Error
    "A `manifest.json` at the top of a zip is read as a manifest of another kind, and the install fails. Distributor's \
     manifest lies beside the zips, never in one."
    FILE_NAMES "L0106" Error
    "Windows cannot hold this name, or not beside another one that differs in upper and lower case only. Unpacking would \
     fail, or one file would overwrite the other."
    DEBRIS "L0107" Warning
    "The file is what editors, file managers and version control leave behind. It would reach every node, and change the \
     package's digest from machine to machine."
    FILES_DIFFER "L0108" Error
    "The manifest and the files beside it disagree: a listed file is missing, has another size or digest, or is not listed. \
     Nodes would refuse what they download."
    SCHEMA "L0109" Error
    "Documents of type Package have manifests with `schemaVersion` `\"2.0\"`."

    // L02: the text of scripts
    CARRIAGE_RETURNS "L0201" Error
    "Lines of shell scripts end in a line feed. With carriage returns, as Windows editors write them, commands and names \
     get an invisible last character. Version control can be told to keep line feeds: `*.sh text eol=lf`."
    ENCODING "L0202" Error
    "Shell scripts are UTF-8 without a byte order mark, which would become a part of the first command; PowerShell scripts \
     are UTF-8."
    OTHER_SHELL "L0203" Warning
    "The agent runs `sh install.sh`: the first line is not looked at, so a script for bash runs in whatever `sh` is on the \
     node. Write portable shell, or call the other shell from a script of two lines."
    EMPTY_SCRIPT "L0204" Error
    "The script holds no command, so it succeeds without doing anything."
    BACKGROUND "L0205" Warning
    "The script begins something that it does not wait for. Its failure goes unseen, and an agent that waits for its output \
     can hang. PowerShell's Start-Process waits with `-Wait`, and says how it went with `-PassThru`."
    UNKNOWN_VARIABLE "L0206" Error
    "The agent sets BWS_ACTION_NAME, BWS_PLATFORM_NAME, BWS_PLATFORM_VERSION, BWS_PLATFORM_FAMILY, BWS_ARCHITECTURE, \
     BWS_INIT_SYSTEM, BWS_PACKAGE_MANAGER, BWS_INSTANCE_ID, BWS_INSTANCE_TYPE, BWS_REGION, BWS_ACCOUNT_ID and \
     BWS_AVAILABILITY_ZONE. Name and version of the package are in none of them: ship them in a file."
    UNKNOWN_ARGUMENT "L0207" Warning
    "The script reads an argument that package.yaml does not declare in `arguments`, so tests run without it, and nobody \
     sees that rollouts have to give it."

    // L03: what the agent counts on
    NO_VALIDATE "L0301" Warning
    "Without a validate script the agent takes its own notes for the truth. After a failed upgrade these can say that the old \
     version is installed when the new one is, and an install of the old version then does nothing. Changed arguments are \
     not applied either."
    REBOOT_UNCHECKED "L0302" Error
    "After exit code 194 (on Windows 3010) the node restarts, and the install does not run again: without a validate script \
     it counts as installed, whatever the restart led to."
    NO_EXIT_CODE "L0303" Error
    "The agent ends a PowerShell script with `exit $LASTEXITCODE`, which is empty, and so a success, unless the script sets \
     an exit code itself. Every way out needs `exit 0` or another number."
    NO_UPDATE "L0304" Error
    "`install: in-place` runs the update script of the new version. Without one the install fails, and the agent notes a \
     version that was never installed."
    VERSION_BOUND "L0305" Error
    "When a node meets a version for the first time, the agent runs the new version's uninstall script to remove the old \
     one. An uninstall script that names a version removes nothing then, or the wrong thing."
    FRAGILE_UNINSTALL "L0306" Warning
    "Uninstall scripts run on half an install, on another version's files, and twice. A command that fails if its object is \
     gone makes them fail: use `rm -f`, or ask before."
    FRAGILE_INSTALL "L0307" Warning
    "Install scripts run again over what they did before, whenever the validate script says no. A command that fails if its \
     object is there makes them fail: use `mkdir -p`, `ln -sf`, or ask before."

    // L04: names and quotas
    MANIFEST_SIZE "L0401" Error
    "A manifest has at most 64 KiB: it is the content of an SSM document. Fewer keys do the same with `_any`."
    CONTENTS_SIZE "L0402" Warning
    "An attached file has at most 1 GiB, and what this zip holds has more before it is compressed."
    ZIP_SIZE "L0403" Error
    "Distributor takes files of at most 1 GiB, and 20 GiB for a version."
    FILE_COUNT "L0404" Warning
    "Distributor's quota is 1,000 files in a package. Put what belongs together into one archive that a script unpacks."
    ZIP_COUNT "L0405" Error
    "At most 20 files can be attached to a version."
    VERSION_NAME "L0406" Error
    "The agent looks a version up by its VersionName and stores the manifest's `version`. Where they differ, one version \
     can pass for another, and a node reinstalls, or does not install, what it was told to."
    PLAIN_VERSION "L0407" Warning
    "If a VersionName has letters, digits and dots only, the agent first asks whether AWS publishes a package of that name: \
     one more call per node, which must not fail, and an AWS package of that name would win. A `-revision` avoids it."

    // L05: secrets
    SECRET "L0501" Error
    "A key, password or token in a package can be read by every account that it is shared with, for ever. Keep it in \
     Parameter Store or Secrets Manager, pass its name through `additionalArguments`, and read it in the script with the \
     node's role."

    UNSEARCHED "L0502" Warning
    "Texts of more than a mebibyte are not searched for secrets. Settings and scripts are never that large; data may be. Look \
     through the file, and accept the finding for it."

    // L06: platforms
    UNSERVED "L0601" Error
    "A machine of the fleet would find no file: the most exact key of the manifest wins on every level, and there is no way \
     back to a less exact one."
    UNKNOWN_PLATFORM "L0602" Warning
    "Distributor's documents do not name this platform. It works only if it is what the node's os-release calls itself \
     (with `rhel`, `ol`, `amzn`, `sles` and `opensuse-leap` under other names). macOS gets no packages."
    SHADOWED "L0603" Warning
    "A more exact key lacks an architecture that a less exact one beside it has. Machines of that version and architecture \
     get no file, because the agent does not go back."
    UNREACHABLE "L0604" Warning
    "No machine gets this file: no key of the manifest names it."
}

/// The explanation of a code.
pub fn explain(code: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, text)| *text)
}
