//! SSM's display texts in the words of Distributor manifests.

use aws_sdk_ssm::types::PlatformType;
use wavetrain_model::fleet::{Architecture, Platform};

/// Beginnings of `PlatformName` in lower case, longest first where one begins another, and the manifest's word.
const DISTRIBUTIONS: [(&str, &str); 15] = [
    ("amazon", "amazon"),
    ("ubuntu", "ubuntu"),
    ("red hat", "redhat"),
    ("centos", "centos"),
    ("almalinux", "almalinux"),
    ("alma", "almalinux"),
    ("rocky", "rocky"),
    ("debian", "debian"),
    ("oracle", "oracle"),
    ("opensuse leap", "opensuseleap"),
    ("opensuse", "opensuse"),
    ("suse", "suse"),
    ("sles", "suse"),
    ("sle", "suse"),
    ("raspbian", "raspbian"),
];

/// The operating system family; a type this program does not know is guessed from the name.
pub(crate) fn family(kind: Option<&PlatformType>, name: &str) -> Platform {
    match kind {
        Some(PlatformType::Linux) => Platform::Linux,
        Some(PlatformType::Windows) => Platform::Windows,
        Some(PlatformType::Macos) => Platform::MacOs,
        _ if name.to_ascii_lowercase().contains("windows") => Platform::Windows,
        _ if name.to_ascii_lowercase().contains("macos") => Platform::MacOs,
        _ => Platform::Linux,
    }
}

/// The manifest's word for a distribution. One that is in no table is called by its first word, which is how the agent
/// passes on an operating system id that it does not know.
pub(crate) fn distribution(platform: Platform, name: &str) -> String {
    match platform {
        Platform::Windows => return "windows".to_owned(),
        Platform::MacOs => return "mac_os_x".to_owned(),
        Platform::Linux => {}
    }
    let name = name.trim().to_lowercase();
    let known = DISTRIBUTIONS.iter().find(|(start, _)| name.starts_with(start));
    match known {
        Some((_, word)) => (*word).to_owned(),
        None => name.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default().to_owned(),
    }
}

/// The distribution's version; Nano Server is marked in the manifest's version key.
pub(crate) fn version(platform: Platform, name: &str, version: &str) -> String {
    let is_nano = platform == Platform::Windows && name.to_ascii_lowercase().contains("nano");
    if is_nano && !version.ends_with("nano") { format!("{version}nano") } else { version.to_owned() }
}

/// `Architecture` of DescribeInstanceProperties.
pub(crate) fn architecture(text: &str) -> Architecture {
    match text.to_ascii_lowercase().as_str() {
        "x86_64" | "amd64" | "x86_64_mac" => Architecture::X86_64,
        "arm64" | "aarch64" | "arm64_mac" => Architecture::Arm64,
        "i386" | "386" | "i686" | "x86" => Architecture::X86,
        _ => Architecture::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_become_the_words_of_manifests() {
        let word = |name| distribution(Platform::Linux, name);
        assert_eq!(word("Amazon Linux"), "amazon");
        assert_eq!(word("Amazon Linux AMI"), "amazon");
        assert_eq!(word("Ubuntu"), "ubuntu");
        assert_eq!(word("Red Hat Enterprise Linux"), "redhat");
        assert_eq!(word("CentOS Linux"), "centos");
        assert_eq!(word("CentOS Stream"), "centos");
        assert_eq!(word("Debian GNU/Linux"), "debian");
        assert_eq!(word("SUSE Linux Enterprise Server"), "suse");
        assert_eq!(word("SLES"), "suse");
        assert_eq!(word("openSUSE Leap"), "opensuseleap");
        assert_eq!(word("Oracle Linux Server"), "oracle");
        assert_eq!(word("Rocky Linux"), "rocky");
        assert_eq!(word("AlmaLinux"), "almalinux");
        assert_eq!(word("Kali GNU/Linux"), "kali");
        assert_eq!(distribution(Platform::Windows, "Microsoft Windows Server 2022 Datacenter"), "windows");
    }

    #[test]
    fn nano_server_is_marked_once() {
        assert_eq!(
            version(Platform::Windows, "Microsoft Windows Server Nano", "10.0.14393"),
            "10.0.14393nano"
        );
        assert_eq!(version(Platform::Windows, "Nano", "10.0.14393nano"), "10.0.14393nano");
        assert_eq!(version(Platform::Linux, "nano", "1"), "1");
    }

    #[test]
    fn unknown_words_are_carried_not_guessed() {
        assert_eq!(architecture("riscv64"), Architecture::Unknown);
        assert_eq!(architecture("AMD64"), Architecture::X86_64);
        assert_eq!(family(Some(&PlatformType::from("Plan9")), "Plan 9"), Platform::Linux);
        assert_eq!(family(None, "Microsoft Windows Server"), Platform::Windows);
    }
}
