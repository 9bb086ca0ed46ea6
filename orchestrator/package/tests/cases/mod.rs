//! A package for every finding: one that has it, and one that comes close without it. Both change the package that
//! `package init` writes, which has no findings.

/// A change to the package, or to its build.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// A file with this text.
    Write(&'static str, &'static str),
    /// A sparse file of so many bytes.
    Large(&'static str, u64),
    /// So many small files in a folder.
    Many(&'static str, usize),
    /// A file is deleted.
    Remove(&'static str),
    /// A text in a file is replaced.
    Replace(&'static str, &'static str, &'static str),
    /// The package is built, and what follows changes the build.
    Build,
    /// The VersionName that is given to lint.
    VersionName(&'static str),
}

/// One finding.
#[derive(Debug)]
pub struct Case {
    /// Its code.
    pub code: &'static str,
    /// Changes that lead to it.
    pub bad: &'static [Change],
    /// Changes that come close.
    pub good: &'static [Change],
}

use Change::{Build, Large, Many, Remove, Replace, VersionName, Write};

const YAML: &str = "package.yaml";
const INSTALL: &str = "linux/install.sh";
const UNINSTALL: &str = "linux/uninstall.sh";
const IN_PLACE: Change = Replace(YAML, "install: reinstall", "install: in-place");
const FLEET: &str = "  fleet: [{ platform: ubuntu, version: \"22.04\", architecture: arm64 }]\n";
const ACCEPTED_SECRET: &str =
    "  accept: [{ code: L0501, file: windows/payload/tool.yaml, reason: made up }]\n  # fleet:";
const MIB: u64 = 1 << 20;

const fn case(code: &'static str, bad: &'static [Change], good: &'static [Change]) -> Case {
    Case { code, bad, good }
}

/// Every code of lint, and what is refused before it.
pub const CASES: &[Case] = &[
    case(
        "E0209",
        &[Replace(YAML, "name: tool", "name: amazon-tool")],
        &[Replace(YAML, "name: tool", "name: my-amazon-tool")],
    ),
    case("E0204", &[Replace(YAML, "1.0.0-1", "latest")], &[Replace(YAML, "1.0.0-1", "latest-1")]),
    case(
        "L0001",
        &[Replace(YAML, "  # fleet:", "  accept: [{ code: L0301, reason: none }]\n  # fleet:")],
        &[
            Replace(YAML, "  # fleet:", "  accept: [{ code: L0301, reason: none }]\n  # fleet:"),
            Remove("linux/validate.sh"),
        ],
    ),
    case(
        "L0002",
        &[
            Write("linux/payload/tool.yaml", "api_key: 0123456789abcdef0123456789abcdef\n"),
            Write("windows/payload/tool.yaml", "api_key: 0123456789abcdef0123456789abcdef\n"),
            Replace(
                YAML,
                "  # fleet:",
                "  accept: [{ code: L0501, file: tool.yaml, reason: made up }]\n  # fleet:",
            ),
        ],
        &[
            Write("linux/payload/tool.yaml", "api_key: 0123456789abcdef0123456789abcdef\n"),
            Replace(
                YAML,
                "  # fleet:",
                "  accept: [{ code: L0501, file: tool.yaml, reason: made up }]\n  # fleet:",
            ),
        ],
    ),
    case("L0101", &[Remove(UNINSTALL)], &[Remove("linux/update.sh")]),
    case(
        "L0102",
        &[Remove(INSTALL), Write("linux/bin/install.sh", "exit 0\n")],
        &[Write("linux/bin/install.sh", "exit 0\n")],
    ),
    case("L0103", &[Write("linux/install.ps1", "exit 0\n")], &[Write("linux/other.ps1", "exit 0\n")]),
    case(
        "L0104",
        &[
            Remove("linux/update.sh"),
            Remove("linux/validate.sh"),
            Remove("linux/payload/VERSION"),
            Remove(UNINSTALL),
        ],
        &[Remove("linux/update.sh"), Remove("linux/validate.sh"), Remove("linux/payload/VERSION")],
    ),
    case("L0105", &[Write("linux/manifest.json", "{}")], &[Write("linux/payload/manifest.json", "{}")]),
    case("L0106", &[Write("windows/payload/Version", "1")], &[Write("linux/payload/Version", "1")]),
    case("L0107", &[Write("linux/payload/.DS_Store", "x")], &[Write("linux/payload/DS_Store", "x")]),
    case(
        "L0108",
        &[Build, Write("tool-linux.zip", "PK\u{5}\u{6}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")],
        &[Build],
    ),
    case("L0109", &[Build, Replace("manifest.json", "\"2.0\"", "\"1.0\"")], &[Build]),
    case("L0201", &[Write(INSTALL, "set -u\r\nexit 0\r\n")], &[Write("windows/install.ps1", "exit 0\r\n")]),
    case(
        "L0201",
        &[Write("linux/lib/shared.sh", "set -u\r\n")],
        &[Write("linux/lib/shared.txt", "set -u\r\n"), Write("linux/lib/latin.sh", "# plain\n")],
    ),
    case("L0202", &[Write(INSTALL, "\u{feff}exit 0\n")], &[Write("windows/install.ps1", "\u{feff}exit 0\n")]),
    case(
        "L0203",
        &[Write(INSTALL, "#!/usr/bin/env bash\nexit 0\n")],
        &[Write(INSTALL, "#!/usr/bin/env sh\nexit 0\n")],
    ),
    case("L0204", &[Write(INSTALL, "#!/bin/sh\n\n# nothing\n")], &[Write(INSTALL, ":\n")]),
    case("L0205", &[Write(INSTALL, "/opt/tool/run &\n")], &[Write(INSTALL, "true && echo x >&2\n")]),
    case(
        "L0205",
        &[Write("windows/install.ps1", "Start-Process msiexec -ArgumentList '/i x.msi'\nexit 0\n")],
        &[Write(
            "windows/install.ps1",
            "$p = Start-Process msiexec `\n  -Wait -PassThru\nexit $p.ExitCode\n",
        )],
    ),
    case(
        "L0206",
        &[Write(INSTALL, "echo \"$BWS_VERSION\"\n")],
        &[Write(INSTALL, "echo \"$BWS_REGION BWS_VERSION\"\n")],
    ),
    case(
        "L0207",
        &[Write(INSTALL, "echo \"${SSM_site}\"\n")],
        &[
            Write(INSTALL, "echo \"${SSM_site} $SSM_COMMAND_ID\"\n"),
            Replace(YAML, "  # fleet:", "  arguments: { SSM_site: x }\n  # fleet:"),
        ],
    ),
    case("L0301", &[Remove("linux/validate.sh")], &[Remove("linux/update.sh")]),
    case(
        "L0302",
        &[Remove("linux/validate.sh"), Write(INSTALL, "exit 194\n")],
        &[Write(INSTALL, "exit 194\n")],
    ),
    case(
        "L0303",
        &[Write("windows/install.ps1", "# exit 1\nWrite-Output 'x'\n")],
        &[Write("windows/install.ps1", "exit $LASTEXITCODE\n")],
    ),
    case(
        "L0303",
        &[Write("windows/install.ps1", "Write-Output 'exits (1)'\n")],
        &[Write("windows/install.ps1", "if (1) { exit(1) }\nexit(0)\n")],
    ),
    case(
        "L0302",
        &[Remove("windows/validate.ps1"), Write("windows/install.ps1", "exit(3010)\n")],
        &[Remove("windows/validate.ps1"), Write("windows/install.ps1", "exit(301)\n")],
    ),
    case("L0304", &[IN_PLACE, Remove("windows/update.ps1")], &[IN_PLACE]),
    case(
        "L0305",
        &[Write(UNINSTALL, "rm -rf /opt/tool-1.0.0\n")],
        &[Write(UNINSTALL, "# since 1.0.0\nrm -rf /opt/tool /opt/11.0.0 /opt/1.0.0.7\n")],
    ),
    case(
        "L0305",
        &[Write(UNINSTALL, "rm -rf /opt/tool-v1.0.0\n")],
        &[Write(UNINSTALL, "rm -rf /opt/toolv11.0.0 /opt/prev1.0.0\n")],
    ),
    case(
        "L0306",
        &[Write(UNINSTALL, "set -e\nsystemctl stop tool\nrm /opt/tool\necho done\n")],
        &[Write(
            UNINSTALL,
            "set -e\nif [ -d /opt ]; then\n  rm /opt/x\nfi\nsystemctl stop tool || true\nrm -rf /opt/tool\necho done\n",
        )],
    ),
    case(
        "L0306",
        &[Write("windows/uninstall.ps1", "Remove-Item C:\\tool\nexit 0\n")],
        &[Write("windows/uninstall.ps1", "Remove-Item C:\\tool -ErrorAction Ignore\nexit 0\n")],
    ),
    case(
        "L0307",
        &[Write(INSTALL, "set -eu\nmkdir /opt/tool\nexit 0\n")],
        &[Write(INSTALL, "set -eu\nmkdir -p /opt/tool\nln -sfn a b\nexit 0\n")],
    ),
    case("L0402", &[Large("linux/payload/big", 1025 * MIB)], &[Large("linux/payload/big", 1000 * MIB)]),
    case("L0404", &[Many("linux/payload/many", 1001)], &[Many("linux/payload/many", 900)]),
    case("L0406", &[VersionName("1.0.0")], &[VersionName("1.0.0-1")]),
    case("L0407", &[Replace(YAML, "1.0.0-1", "1.0.0")], &[Replace(YAML, "1.0.0-1", "1.0.0_1")]),
    case(
        "L0501",
        &[Write(INSTALL, "DD_API_KEY=0123456789abcdef0123456789abcdef ./payload/install\n")],
        &[
            Write(
                INSTALL,
                "DD_API_KEY=\"$(aws ssm get-parameter --name \"$SSM_key_name\")\" ./payload/install\n",
            ),
            Replace(YAML, "  # fleet:", "  arguments: { SSM_key_name: /tool/api_key }\n  # fleet:"),
        ],
    ),
    case(
        "L0501",
        &[Write("windows/payload/tool.yaml", "api_key: 0123456789abcdef0123456789abcdef\n")],
        &[Write("windows/payload/tool.yaml", "api_key: your_api_key_1234567\n")],
    ),
    case(
        "L0501",
        &[Replace(YAML, "  # fleet:", "  arguments: { SSM_token: 3f2504e04f8911d39a0c }\n  # fleet:")],
        &[Replace(YAML, "  # fleet:", "  arguments: { SSM_token: \"{{ssm:/tool/token}}\" }\n  # fleet:")],
    ),
    case(
        "L0501",
        &[
            Write("windows/payload/tool.yaml", "api_key: 0123456789abcdef0123456789abcdef\n"),
            Write("linux/payload/tool.yaml", "api_key: 0123456789abcdef0123456789abcdef\n"),
            Replace(YAML, "  # fleet:", ACCEPTED_SECRET),
        ],
        &[
            Write("windows/payload/tool.yaml", "api_key: 0123456789abcdef0123456789abcdef\n"),
            Replace(YAML, "  # fleet:", ACCEPTED_SECRET),
        ],
    ),
    case(
        "E1007",
        &[Replace(YAML, "  # fleet:", "  accept: [{ code: L0501, reason: none }]\n  # fleet:")],
        &[Replace(YAML, "  # fleet:", ACCEPTED_SECRET)],
    ),
    case("L0502", &[Large("linux/payload/data.json", 2 * MIB)], &[Large("linux/payload/data.bin", 2 * MIB)]),
    case(
        "L0601",
        &[Replace(YAML, "  # accept:", FLEET), Replace(YAML, "architecture: _any ", "architecture: x86_64 ")],
        &[Replace(YAML, "  # accept:", FLEET)],
    ),
    case("L0602", &[Replace(YAML, "redhat", "rhel")], &[Replace(YAML, "redhat", "fedora")]),
    case(
        "L0603",
        &[Replace(
            YAML,
            "- { platform: windows, ",
            "- { platform: windows, version: \"10.0.17763\", architecture: x86_64 }\n        - { platform: windows, version: _any, architecture: arm64 }\n        - { platform: windows, version: _any, ",
        )],
        &[Replace(YAML, "- { platform: windows, ", "- { platform: windows, version: \"10.0.17763\", ")],
    ),
    case(
        "L0604",
        &[Build, Replace("manifest.json", "\"file\": \"tool-windows.zip\"", "\"file\": \"tool-linux.zip\"")],
        &[Build],
    ),
];

/// Codes whose packages would be too large to keep or to make in a table: their own tests make them.
#[allow(dead_code)] // the test through the binary does not need them
pub const MADE_ELSEWHERE: [&str; 3] = ["L0401", "L0403", "L0405"];
