//! File systems of a test's own, on loop devices. They need root, loop devices and ext4's tools.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs a tool and gives what it printed.
fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program).args(arguments).output();
    let done = done.map_err(|e| format!("{program} can't be run: {e}"))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    } else {
        Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr).trim()))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A mounted image. Unmounted with the value; its loop device goes with the mount.
#[derive(Debug)]
pub(crate) struct Mounted {
    pub(crate) at: PathBuf,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if run("umount", &[text(&self.at)]).is_err() {
            // A process may still be on its way out.
            let _tried = run("umount", &["--lazy", text(&self.at)]);
        }
    }
}

/// Makes an empty ext4 image.
pub(crate) fn make(image: &Path, bytes: u64) -> Result<(), String> {
    let file = fs::File::create(image).map_err(|e| e.to_string())?;
    file.set_len(bytes).map_err(|e| e.to_string())?;
    run("mkfs.ext4", &["-q", "-F", text(image)]).map(drop)
}

/// Mounts an image. The loop device writes straight to the image: what only the page cache of the mounted file system holds is not in
/// the image, as it would not be on a disk.
pub(crate) fn mount(image: &Path, at: &Path, options: &str) -> Result<Mounted, String> {
    fs::create_dir_all(at).map_err(|e| e.to_string())?;
    let device = run("losetup", &["--find", "--show", "--direct-io=on", text(image)])?;
    let mounted = run("mount", &["-t", "ext4", "-o", options, &device, text(at)]);
    // From here on the device lives as long as the mount.
    run("losetup", &["--detach", &device])?;
    mounted.map(|_| Mounted { at: at.to_path_buf() })
}

/// Runs `work` while the file system stands still: writes to it wait, and what it holds is what it held at one moment.
pub(crate) fn while_frozen(file_system: &Mounted, work: impl FnOnce()) {
    struct Thaw<'a>(&'a Path);
    impl Drop for Thaw<'_> {
        fn drop(&mut self) {
            run("fsfreeze", &["--unfreeze", text(self.0)]).unwrap();
        }
    }
    // Never by mistake the file system below.
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    assert_ne!(device(&file_system.at), device(file_system.at.parent().unwrap()));
    run("fsfreeze", &["--freeze", text(&file_system.at)]).unwrap();
    let _thaw = Thaw(&file_system.at);
    work();
}

/// Copies an image, holes as holes.
pub(crate) fn copy(from: &Path, to: &Path) {
    run("cp", &["--sparse=always", text(from), text(to)]).unwrap();
}

/// Says loudly that a test did not run.
pub(crate) fn skipped(test: &str, why: &str) {
    println!("SKIPPED: {test} needs root, loop devices and ext4's tools: {why}");
    eprintln!("SKIPPED: {test} needs root, loop devices and ext4's tools: {why}");
}
