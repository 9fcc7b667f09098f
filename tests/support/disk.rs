//! Small disks of a test's own, which can be full, frozen or worn out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether we may mount and give files away. Else the test says why it does not run; in CI it has to.
pub fn possible() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        assert!(std::env::var_os("CI").is_none(), "in CI these tests run as root");
        println!("skipped: only root may mount file systems and give files away");
    }
    is_root
}

/// Runs it, and it has to succeed.
pub fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A file system in memory; it goes away with this.
pub struct Tmpfs {
    path: PathBuf,
}

impl Tmpfs {
    /// `size` as mount(8) takes it. `None` where it is not [`possible`].
    pub fn mount(path: &Path, size: &str) -> Option<Self> {
        if !possible() {
            return None;
        }
        fs::create_dir_all(path).unwrap();
        let options = format!("size={size},mode=0700");
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", &path.to_string_lossy()]);
        Some(Self { path: path.to_owned() })
    }

    pub fn resize(&self, size: &str) {
        run("mount", &["-o", &format!("remount,size={size}"), &self.path.to_string_lossy()]);
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

/// A file system in a file, as on a disk of its own; it goes away with this.
pub struct Ext4 {
    path: PathBuf,
}

impl Ext4 {
    /// A new one in `image`. `None` where it is not [`possible`].
    pub fn mount(path: &Path, image: &Path, mebibytes: u64) -> Option<Self> {
        if !possible() {
            return None;
        }
        fs::File::create(image).unwrap().set_len(mebibytes << 20).unwrap();
        run("/usr/sbin/mkfs.ext4", &["-q", "-F", "-m", "0", &image.to_string_lossy()]);
        Some(Self::mount_image(path, image))
    }

    /// The one that is in `image`. As on most machines, the kernel makes it read-only when it finds an error.
    pub fn mount_image(path: &Path, image: &Path) -> Self {
        fs::create_dir_all(path).unwrap();
        run("mount", &["-o", "loop,errors=remount-ro", &image.to_string_lossy(), &path.to_string_lossy()]);
        Self { path: path.to_owned() }
    }

    pub fn remount(&self, options: &str) {
        run("mount", &["-o", &format!("remount,{options}"), &self.path.to_string_lossy()]);
    }

    /// Makes the kernel find an error, as with a disk or a card that wears out: whatever is open there, and however,
    /// the file system is read-only from now on.
    pub fn fail(&self) {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let path = self.path.to_string_lossy();
        let mount = mounts.lines().find(|line| line.split(' ').nth(1) == Some(&path)).expect("it is mounted");
        let device = mount.split(' ').next().and_then(|device| device.strip_prefix("/dev/loop")).expect("our own disk");
        fs::write(format!("/sys/fs/ext4/loop{device}/trigger_fs_error"), "1").unwrap();
    }

    /// Every write waits until the answer is dropped.
    pub fn freeze(&self) -> Frozen<'_> {
        self.fsfreeze("--freeze");
        Frozen(self)
    }

    fn fsfreeze(&self, what: &str) {
        let status = Command::new("/usr/sbin/fsfreeze").arg(what).arg(&self.path).status().unwrap();
        assert!(status.success(), "fsfreeze {what}");
    }
}

pub struct Frozen<'a>(&'a Ext4);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.fsfreeze("--unfreeze");
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}
