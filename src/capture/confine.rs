//! Once all is open: no more of the file system than the places of outputs, no network.
//!
//! What is open stays open; it is opening that takes a right (Landlock, Linux 5.13 and later).
//! Must come before any thread is started: those that run already would go on unconfined.

use std::path::{Path, PathBuf};

use super::privileges::PrivilegeError;

/// What is still needed of the file system.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Files that are appended to, and made anew after they were moved away.
    pub appended: Vec<PathBuf>,
    /// Folders in which files are made and deleted.
    pub kept: Vec<PathBuf>,
    /// Files that are read, also where they are made anew.
    pub read: Vec<PathBuf>,
    /// Devices that are read and written.
    pub devices: Vec<PathBuf>,
    /// The interface whose counters are read: libpcap opens them each time.
    pub interface: Option<String>,
}

/// How far a process is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confined {
    /// As far as this program knows to ask for.
    Fully,
    /// As far as this kernel knows, which is less.
    Partly,
    /// Not at all: this kernel has no Landlock, or does not let us use it.
    Not,
}

/// The folder in which a file is, and where links lead that stand in its place.
#[cfg(target_os = "linux")]
fn folders(file: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = |path: &Path| match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Some(PathBuf::from(".")),
        parent => parent.map(Path::to_path_buf),
    };
    // The file that a link leads to may be away just now.
    let link = || {
        let target = std::fs::read_link(file).ok()?;
        Some(folder(file)?.join(target))
    };
    let led_to = std::fs::canonicalize(file).ok().or_else(link);
    let led_to = led_to.and_then(|path| folder(&path));
    folder(file).into_iter().chain(led_to)
}

/// Confines this thread, and those that it will start, to `places`.
///
/// # Errors
/// Where the kernel knows how to, and yet refuses.
#[cfg(target_os = "linux")]
pub fn confine(places: &Places) -> Result<Confined, PrivilegeError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
    };

    const KNOWN: ABI = ABI::V6;
    let refused = |error: RulesetError| PrivilegeError::Refused(format!("Landlock: {error}"));
    let append = make_bitflags!(AccessFs::{WriteFile | MakeReg | Truncate});
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let keep = append | read | AccessFs::RemoveFile;
    let device = make_bitflags!(AccessFs::{ReadFile | WriteFile | IoctlDev});
    let files = |files: &[PathBuf], rights: BitFlags<AccessFs>| {
        let all = files.iter().flat_map(|file| folders(file));
        all.map(|path| (path, rights)).collect::<Vec<_>>()
    };
    let mut rights = files(&places.appended, append);
    rights.extend(files(&places.read, read));
    rights.extend(places.kept.iter().map(|path| (path.clone(), keep)));
    rights.extend(places.devices.iter().map(|path| (path.clone(), device)));
    if let Some(interface) = &places.interface {
        rights.push((Path::new("/sys/class/net").join(interface), read));
    }
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(KNOWN)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(KNOWN)))
        .and_then(Ruleset::create)
        .map_err(refused)?;
    for (path, rights) in rights {
        // What is not there, whoever wants to open it will say.
        if let Ok(place) = PathFd::new(&path) {
            let is_folder = path.is_dir();
            let rights = if is_folder {
                rights
            } else {
                rights & AccessFs::from_file(KNOWN)
            };
            ruleset = ruleset
                .add_rule(PathBeneath::new(place, rights))
                .map_err(refused)?;
        }
    }
    let status = ruleset.restrict_self().map_err(refused)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Confined::Fully,
        RulesetStatus::PartiallyEnforced => Confined::Partly,
        RulesetStatus::NotEnforced => Confined::Not,
    })
}

/// Only Linux can.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn confine(_places: &Places) -> Result<Confined, PrivilegeError> {
    Ok(Confined::Not)
}

#[cfg(all(test, target_os = "linux"))]
#[expect(clippy::unwrap_used, reason = "tests: a panic is a failure")]
mod tests {
    use std::fs::{self, File, OpenOptions};
    use std::io::{self, ErrorKind};
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;
    use std::thread;

    use super::*;

    /// What `attempt` comes to in a thread that is confined; `None` where that is not possible.
    fn inside<T: Send + 'static>(
        places: Places,
        attempt: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let confined = thread::spawn(move || {
            let confined = confine(&places).unwrap();
            (confined != Confined::Not).then(attempt)
        });
        let done = confined.join().unwrap();
        if done.is_none() {
            eprintln!("skipped: no Landlock");
        }
        done
    }

    fn append(path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).open(path)
    }

    fn is_denied<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn outputs_can_be_made_anew_and_nothing_else_can_be_had() {
        let (inner, outer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (log, secret) = (inner.path().join("a.jsonl"), outer.path().join("secret"));
        fs::write(&log, "1\n").unwrap();
        fs::write(&secret, "s").unwrap();
        let moved = inner.path().join("a.jsonl.1");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let places = Places {
            appended: vec![log.clone()],
            ..Places::default()
        };
        // As logrotate does, from outside.
        fs::rename(&log, &moved).unwrap();
        let done = inside(places, move || {
            let file = append(&log);
            assert!(file.is_ok_and(|file| file.set_len(0).is_ok()));
            assert!(is_denied(File::open(&log)), "reads what it wrote");
            assert!(is_denied(fs::remove_file(&moved)));
            assert!(is_denied(File::open(&secret)));
            assert!(is_denied(append(&secret)));
            assert!(is_denied(append(&secret.with_extension("new"))));
            assert!(is_denied(fs::read_dir("/etc")));
            std::os::unix::fs::symlink(&secret, log.with_extension("link")).unwrap_err();
            let ran = Command::new("/bin/true").status();
            assert!(ran.is_err(), "runs another program");
            // Since Linux 6.7.
            let far = TcpStream::connect(address);
            assert!(far.is_ok() || is_denied(far));
        });
        if done.is_some() {
            assert!(!outer.path().join("secret.new").exists());
        }
    }

    #[test]
    fn a_link_that_appears_in_the_place_of_an_output_leads_nowhere() {
        let (inner, outer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (log, target) = (inner.path().join("a.csv"), outer.path().join("b.csv"));
        let places = Places {
            // In the same folder, and no link: what it leads to counts as it is at the beginning.
            appended: vec![inner.path().join("b.csv")],
            ..Places::default()
        };
        std::os::unix::fs::symlink(&target, &log).unwrap();
        if inside(places, move || assert!(is_denied(append(&log)))).is_some() {
            assert!(!target.exists());
        }
    }

    #[test]
    fn links_that_were_there_are_followed() {
        let (inner, outer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (log, target) = (inner.path().join("a.csv"), outer.path().join("b.csv"));
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &log).unwrap();
        let places = Places {
            appended: vec![log.clone()],
            ..Places::default()
        };
        fs::rename(&target, target.with_extension("old")).unwrap();
        inside(places, move || assert!(append(&log).is_ok()));
    }

    #[test]
    fn what_is_read_can_be_made_anew_by_others_and_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys.log");
        fs::write(&keys, "old").unwrap();
        let places = Places {
            read: vec![keys.clone()],
            ..Places::default()
        };
        fs::remove_file(&keys).unwrap();
        fs::write(&keys, "new").unwrap();
        inside(places, move || {
            assert_eq!(fs::read(&keys).unwrap(), b"new");
            assert!(is_denied(append(&keys)));
            assert!(is_denied(fs::remove_file(&keys)));
        });
    }

    #[test]
    fn a_kept_folder_can_be_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.pcapng");
        let places = Places {
            kept: vec![folder.path().to_path_buf()],
            ..Places::default()
        };
        inside(places, move || {
            fs::write(&file, "x").unwrap();
            let whole = file.with_extension("whole");
            fs::rename(&file, &whole).unwrap();
            let folder = file.parent().unwrap();
            assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
            fs::remove_file(whole).unwrap();
        });
    }

    #[test]
    fn counters_of_the_interface_can_be_read() {
        let places = Places {
            interface: Some("lo".to_owned()),
            ..Places::default()
        };
        inside(places, || {
            let counter = "/sys/class/net/lo/statistics/rx_dropped";
            assert!(!is_denied(File::open(counter)));
            assert!(is_denied(File::open("/proc/version")));
        });
    }
}
