//! Giving up what only opening an interface takes.
//!
//! After that the process can read what it captures and write where its user may, no more. Must
//! come before any thread is started: capabilities belong to threads.

use std::ffi::CString;

use nix::unistd::{Uid, User, getresgid, getresuid, initgroups, setresgid, setresuid, setuid};

/// Why privileges could not be given up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivilegeError {
    /// There is no such user.
    #[error("user {0}: there is none of that name")]
    NoUser(String),
    /// Only root may become somebody else.
    #[error("user {0}: only root can become another user")]
    NotRoot(String),
    /// The system said no.
    #[error("privileges cannot be given up: {0}")]
    Refused(String),
}

/// Becomes `user`, where one is named, and gives up all capabilities for good.
///
/// # Errors
/// Where privileges remain that should not.
pub fn give_up(user: Option<&str>) -> Result<(), PrivilegeError> {
    if let Some(user) = user {
        change_to(user)?;
    }
    #[cfg(target_os = "linux")]
    drop_capabilities()?;
    Ok(())
}

fn change_to(name: &str) -> Result<(), PrivilegeError> {
    let refused = |error: nix::Error| PrivilegeError::Refused(error.desc().to_owned());
    let user = User::from_name(name)
        .map_err(refused)?
        .ok_or_else(|| PrivilegeError::NoUser(name.to_owned()))?;
    if !Uid::effective().is_root() {
        return Err(PrivilegeError::NotRoot(name.to_owned()));
    }
    let User { uid, gid, .. } = user;
    let name = CString::new(name).map_err(|_| PrivilegeError::NoUser(name.to_owned()))?;
    // Groups first: afterwards nobody may change them.
    initgroups(&name, gid).map_err(refused)?;
    setresgid(gid, gid, gid).map_err(refused)?;
    setresuid(uid, uid, uid).map_err(refused)?;
    let users = getresuid().map_err(refused)?;
    let groups = getresgid().map_err(refused)?;
    let is_changed = [users.real, users.effective, users.saved] == [uid; 3]
        && [groups.real, groups.effective, groups.saved] == [gid; 3];
    // Whoever asked to become root stays what he is.
    let is_way_back = !uid.is_root() && setuid(Uid::from_raw(0)).is_ok();
    if is_changed && !is_way_back {
        Ok(())
    } else {
        Err(PrivilegeError::Refused(
            "the user is still the same".to_owned(),
        ))
    }
}

#[cfg(target_os = "linux")]
fn drop_capabilities() -> Result<(), PrivilegeError> {
    use caps::{CapSet, clear, read};

    let refused = |error: String| PrivilegeError::Refused(error);
    nix::sys::prctl::set_no_new_privs().map_err(|error| refused(error.desc().to_owned()))?;
    // Kernels before 4.3 have no ambient set.
    let _ = clear(None, CapSet::Ambient);
    // The bounding set takes a capability to change, and without new privileges means nothing.
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        clear(None, set).map_err(|error| refused(error.to_string()))?;
    }
    let left = read(None, CapSet::Permitted).map_err(|error| refused(error.to_string()))?;
    if left.is_empty() {
        Ok(())
    } else {
        Err(refused(format!("{} capabilities remain", left.len())))
    }
}
