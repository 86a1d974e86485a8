//! Says what to install where libpcap is missing, before the linker says it less clearly.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for name in [
        "LIBPCAP_LIBDIR",
        "PKG_CONFIG_PATH",
        "LIBRARY_PATH",
        "DOCS_RS",
    ] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    // Elsewhere libpcap belongs to the system (macOS) or is found by other means (Npcap), and for
    // another target this system's folders mean nothing; documentation is not linked.
    let ours =
        env::var("TARGET").ok() == env::var("HOST").ok() && is("CARGO_CFG_TARGET_OS", "linux");
    if env::var_os("CARGO_FEATURE_LIVE").is_none() || !ours || env::var_os("DOCS_RS").is_some() {
        return;
    }
    if let Some(folder) = env::var_os("LIBPCAP_LIBDIR") {
        if !holds_libpcap(Path::new(&folder)) {
            missing(&format!("not in LIBPCAP_LIBDIR={}", folder.display()));
        }
    } else if !known_to_pkg_config() && !folders().iter().any(|folder| holds_libpcap(folder)) {
        missing("neither known to pkg-config nor in the usual library folders");
    }
}

fn missing(how: &str) {
    for line in [
        &format!("libpcap was not found ({how})."),
        "Install its development package: libpcap-dev (Debian, Ubuntu, Alpine), libpcap-devel (Fedora, RHEL, openSUSE), libpcap (Arch).",
        "If it stands elsewhere, set LIBPCAP_LIBDIR to its folder.",
        "Or build without live capture and -f filters: --no-default-features",
    ] {
        println!("cargo::error={line}");
    }
}

fn known_to_pkg_config() -> bool {
    Command::new("pkg-config")
        .args(["--exists", "libpcap"])
        .status()
        .is_ok_and(|status| status.success())
}

fn holds_libpcap(folder: &Path) -> bool {
    ["libpcap.so", "libpcap.a"]
        .iter()
        .any(|name| folder.join(name).exists())
}

/// Where linkers look: the usual folders, those below named after a system (Debian's multiarch),
/// and LIBRARY_PATH.
fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = [
        "/usr/local/lib",
        "/usr/local/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/lib",
        "/lib64",
    ]
    .map(PathBuf::from)
    .into();
    let multiarch = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let multiarch =
        multiarch.filter(|entry| entry.file_name().to_string_lossy().contains("-linux-"));
    folders.extend(multiarch.map(|entry| entry.path()));
    folders.extend(
        env::var_os("LIBRARY_PATH")
            .iter()
            .flat_map(env::split_paths),
    );
    folders
}
