//! The only file of the reports that touches the disk. A result folder appears whole or not at all.
//!
//! Everything is written into a hidden sibling of the target and flushed to the disk; then two renames swap it in. A process
//! killed on the way leaves at most that hidden folder behind, never a half-written result under the result's name.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The file by which a folder is known to be a result of ours. Without it, it is somebody else's and stays as it is.
pub const MARK: &str = "run.yaml";

/// Why a result folder was not written. Whatever stood there before still stands there, unless the text says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The name would lead somewhere else.
    #[error("`{name}` cannot name a folder or file of results: it must be one plain name, without `/`")]
    Name {
        /// As given.
        name: String,
    },
    /// What is there is not a result of ours.
    #[error("{} exists and is not a result of rollcast (there is no {MARK} in it): move it away or choose another folder", path.display())]
    Foreign {
        /// What stands in the way.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("cannot {verb} {}: {source}", path.display())]
    Disk {
        /// What was tried, as in "create".
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The new folder could not be put in place, and the old one not back.
    #[error("cannot put the results in place at {}: {source}; the earlier results are now in {}", path.display(), kept.display())]
    Stranded {
        /// Where the results belong.
        path: PathBuf,
        /// Where the earlier results are.
        kept: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// Writes `files` into the folder `name` in `parent`, in place of an earlier result of that name, and says where it is.
pub fn write(parent: &Path, name: &str, files: &[(String, Vec<u8>)]) -> Result<PathBuf, FolderError> {
    let target = check(parent, name)?;
    files.iter().try_for_each(|(file, _)| refuse_path(file))?;
    fs::create_dir_all(parent).map_err(disk("create", parent))?;
    let desk = tempfile::Builder::new().prefix(".rollcast-").tempdir_in(parent).map_err(disk("write in", parent))?;
    let fresh = desk.path().join("new");
    fill(&fresh, files)?;
    swap(desk, &fresh, &target)?;
    sync(parent)?;
    Ok(target)
}

/// Where the results will be, or why not: to be asked before the work that they cost.
pub fn check(parent: &Path, name: &str) -> Result<PathBuf, FolderError> {
    refuse_path(name)?;
    let target = parent.join(name);
    refuse_foreign(&target)?;
    Ok(target)
}

fn refuse_path(name: &str) -> Result<(), FolderError> {
    let plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0']);
    if plain { Ok(()) } else { Err(FolderError::Name { name: name.to_owned() }) }
}

/// A link counts as foreign even where it leads to a result: a rename would replace the link, not what it leads to.
fn refuse_foreign(target: &Path) -> Result<(), FolderError> {
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() && target.join(MARK).is_file() => Ok(()),
        Ok(_) => Err(FolderError::Foreign { path: target.to_owned() }),
        // A parent that is not a folder tells its own story when it is made.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        Err(source) => Err(FolderError::Disk { verb: "look at", path: target.to_owned(), source }),
    }
}

fn fill(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), FolderError> {
    fs::create_dir(folder).map_err(disk("create", folder))?;
    for (name, bytes) in files {
        let path = folder.join(name);
        write_file(&path, bytes).map_err(disk("write", &path))?;
    }
    sync(folder)
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The earlier result waits inside the hidden folder, so that both go at once when the hidden folder goes.
fn swap(desk: TempDir, fresh: &Path, target: &Path) -> Result<(), FolderError> {
    let aside = desk.path().join("old");
    let had_one = target.exists();
    if had_one {
        fs::rename(target, &aside).map_err(disk("move aside", target))?;
    }
    let Err(source) = fs::rename(fresh, target) else {
        return Ok(());
    };
    if had_one && fs::rename(&aside, target).is_err() {
        let kept = desk.keep().join("old");
        return Err(FolderError::Stranded { path: target.to_owned(), kept, source });
    }
    Err(FolderError::Disk { verb: "put the results in place at", path: target.to_owned(), source })
}

/// Flushes the names in a folder; only Unix lets a folder be opened for that.
fn sync(folder: &Path) -> Result<(), FolderError> {
    if cfg!(unix) {
        File::open(folder).and_then(|open| open.sync_all()).map_err(disk("flush", folder))?;
    }
    Ok(())
}

fn disk<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FolderError + 'a {
    move |source| FolderError::Disk { verb, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(content: &str) -> Vec<(String, Vec<u8>)> {
        vec![(MARK.to_owned(), content.into()), ("summary.csv".to_owned(), b"strategy\n".to_vec())]
    }

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .expect("the test made this folder")
            .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_holds_every_file_and_nothing_else_remains() {
        let parent = tempfile::tempdir().expect("a place for the test");
        let written = write(parent.path(), "quickstart-7", &files("seed: 7")).expect("nothing stands in the way");
        assert_eq!(entries(&written), [MARK, "summary.csv"]);
        assert_eq!(entries(parent.path()), ["quickstart-7"]);
    }

    #[test]
    fn a_missing_parent_is_made() {
        let parent = tempfile::tempdir().expect("a place for the test");
        let below = parent.path().join("output");
        write(&below, "quickstart-7", &files("seed: 7")).expect("nothing stands in the way");
        assert_eq!(entries(&below), ["quickstart-7"]);
    }

    #[test]
    fn an_earlier_run_is_replaced_whole() {
        let parent = tempfile::tempdir().expect("a place for the test");
        let mut earlier = files("seed: 6");
        earlier.push(("timeline.svg".to_owned(), b"<svg/>".to_vec()));
        write(parent.path(), "run", &earlier).expect("nothing stands in the way");
        let written = write(parent.path(), "run", &files("seed: 7")).expect("the earlier one is ours");
        assert_eq!(entries(&written), [MARK, "summary.csv"]);
        assert_eq!(fs::read_to_string(written.join(MARK)).expect("just written"), "seed: 7");
        assert_eq!(entries(parent.path()), ["run"]);
    }

    #[test]
    fn a_foreign_folder_is_refused_and_left_alone() {
        let parent = tempfile::tempdir().expect("a place for the test");
        let foreign = parent.path().join("run");
        fs::create_dir(&foreign).expect("a place for the test");
        fs::write(foreign.join("thesis.txt"), "years of work").expect("a place for the test");
        let error = write(parent.path(), "run", &files("seed: 7")).expect_err("it is not ours");
        assert!(matches!(&error, FolderError::Foreign { path } if *path == foreign), "{error}");
        assert_eq!(entries(&foreign), ["thesis.txt"]);
        assert_eq!(entries(parent.path()), ["run"]);
    }

    #[test]
    fn a_file_of_that_name_is_refused() {
        let parent = tempfile::tempdir().expect("a place for the test");
        fs::write(parent.path().join("run"), "a file").expect("a place for the test");
        let error = write(parent.path(), "run", &files("seed: 7")).expect_err("a file is in the way");
        assert!(error.to_string().contains("is not a result of rollcast"), "{error}");
        assert_eq!(fs::read_to_string(parent.path().join("run")).expect("still there"), "a file");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let parent = tempfile::tempdir().expect("a place for the test");
        for name in ["", ".", "..", "../run", "a/b"] {
            assert!(matches!(write(parent.path(), name, &files("")), Err(FolderError::Name { .. })), "{name}");
        }
        let stray = [("../stray".to_owned(), Vec::new())];
        assert!(matches!(write(parent.path(), "run", &stray), Err(FolderError::Name { .. })));
        assert!(entries(parent.path()).is_empty());
    }

    #[test]
    fn a_parent_that_is_a_file_is_an_error_with_path_and_reason() {
        let parent = tempfile::tempdir().expect("a place for the test");
        let file = parent.path().join("output");
        fs::write(&file, "a file").expect("a place for the test");
        let error = write(&file, "run", &files("seed: 7")).expect_err("a file has no children");
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }

    #[test]
    fn an_error_on_the_way_leaves_the_earlier_run() {
        let parent = tempfile::tempdir().expect("a place for the test");
        write(parent.path(), "run", &files("seed: 6")).expect("nothing stands in the way");
        let mut too_long = files("seed: 7");
        too_long.push(("x".repeat(5_000), Vec::new()));
        let error = write(parent.path(), "run", &too_long).expect_err("no file system takes such a name");
        assert!(matches!(error, FolderError::Disk { verb: "write", .. }), "{error}");
        assert_eq!(fs::read_to_string(parent.path().join("run").join(MARK)).expect("still there"), "seed: 6");
        assert_eq!(entries(parent.path()), ["run"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_read_only_parent_is_an_error_with_path_and_reason() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().expect("a place for the test");
        let closed = parent.path().join("closed");
        fs::create_dir(&closed).expect("a place for the test");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).expect("it is ours");
        // The superuser may write anywhere: then there is nothing to test here.
        if File::create(closed.join("probe")).is_ok() {
            return;
        }
        let error = write(&closed, "run", &files("seed: 7")).expect_err("nobody may write there");
        assert!(matches!(&error, FolderError::Disk { path, .. } if *path == closed), "{error}");
        assert!(entries(&closed).is_empty());
    }
}
