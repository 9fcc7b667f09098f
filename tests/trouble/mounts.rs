//! Small file systems of a test's own. Only root can make them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Unmounted when dropped.
pub struct Mount {
    at: PathBuf,
}

/// Whether we may mount. Else the test says why it does not run; in CI it has to.
pub fn possible() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        assert!(std::env::var_os("CI").is_none(), "in CI these tests run as root");
        println!("skipped: only root can mount file systems");
    }
    is_root
}

impl Mount {
    pub fn tmpfs(at: &Path, mebibytes: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        run("mount", &["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=700"), "none", &at.to_string_lossy()]);
        Self { at: at.to_owned() }
    }

    /// A file system in a file, as on a disk of its own.
    pub fn ext4(at: &Path, image: &Path, mebibytes: u64) -> Self {
        std::fs::File::create(image).unwrap().set_len(mebibytes << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &image.to_string_lossy()]);
        Self::image(at, image)
    }

    /// The file system that is in a file. As on most machines, the kernel makes it read-only when it finds an error.
    pub fn image(at: &Path, image: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        run("mount", &["-o", "loop,errors=remount-ro", &image.to_string_lossy(), &at.to_string_lossy()]);
        Self { at: at.to_owned() }
    }

    /// Makes the kernel find an error, as with a disk or a card that wears out: whatever is open there, and however,
    /// the file system is read-only from now on.
    pub fn fail(&self) {
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        let at = self.at.to_string_lossy();
        let mount = mounts.lines().find(|line| line.split(' ').nth(1) == Some(&at)).expect("it is mounted");
        let device = mount.split(' ').next().and_then(|device| device.strip_prefix("/dev/loop")).expect("our own disk");
        std::fs::write(format!("/sys/fs/ext4/loop{device}/trigger_fs_error"), "1").unwrap();
    }

    pub fn remount(&self, options: &str) {
        run("mount", &["-o", &format!("remount,{options}"), &self.at.to_string_lossy()]);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

pub fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    let trouble = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {arguments:?}: {trouble}");
}
