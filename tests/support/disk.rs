//! Small disks that can be full. They need root; elsewhere a test says that it skips what it cannot make.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in memory; it goes away with this.
pub struct Tmpfs {
    path: PathBuf,
}

impl Tmpfs {
    /// `size` as mount(8) takes it. `None`, with a word on stdout, for whoever may not mount.
    pub fn mount(path: &Path, size: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root may mount");
            return None;
        }
        fs::create_dir_all(path).unwrap();
        let options = format!("size={size},mode=0700");
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs", &path.display().to_string()]);
        Some(Self { path: path.to_owned() })
    }

    pub fn resize(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}"), &self.path.display().to_string()]);
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

fn mount(arguments: &[&str]) {
    let output = Command::new("mount").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A file system of 64 MiB on a file of its own, which can be frozen; it goes away with this.
pub struct Ext4 {
    path: PathBuf,
}

impl Ext4 {
    /// The file that holds it is made in `beside`. `None`, with a word on stdout, for whoever may not mount.
    pub fn mount(path: &Path, beside: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root may mount");
            return None;
        }
        fs::create_dir_all(path).unwrap();
        let image = beside.join("disk.ext4");
        fs::File::create(&image).unwrap().set_len(64 * 1024 * 1024).unwrap();
        let made = Command::new("/usr/sbin/mkfs.ext4").arg("-q").arg(&image).status().unwrap();
        assert!(made.success());
        mount(&["-o", "loop", &image.display().to_string(), &path.display().to_string()]);
        Some(Self { path: path.to_owned() })
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
