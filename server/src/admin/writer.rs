//! Where a command prints: stdout, or a file.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use super::AdminError;

/// Buffered output that says where it failed.
pub struct Output {
    name: String,
    into: BufWriter<Box<dyn Write + Send>>,
    /// Of a file that has its name once it is whole: the file, and that name.
    file: Option<(File, PathBuf)>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Output {
    /// What a person or a pipe reads.
    pub fn stdout() -> Self {
        Self {
            name: "stdout".to_owned(),
            into: BufWriter::new(Box::new(io::stdout())),
            file: None,
        }
    }

    /// A new file. It has its name only when [`finish`](Self::finish)ed: until then it is `NAME.part`, so that
    /// nothing cut off bears the name of something whole. Replaces a file of that name, or that a link of that name
    /// leads to; into what is there and no file, a device or a pipe, it writes. Refuses a folder, and a name that
    /// another command writes.
    pub fn file(path: &Path) -> Result<Self, AdminError> {
        let name = path.display().to_string();
        let opened = target(path).and_then(|target| match target {
            Some(path) => {
                let file = create(&part(&path))?;
                Ok((file.try_clone()?, Some((file, path))))
            }
            None => Ok((OpenOptions::new().write(true).open(path)?, None)),
        });
        let (into, file) = opened.map_err(|error| AdminError::File(name.clone(), error))?;
        Ok(Self {
            into: BufWriter::with_capacity(64 * 1024, Box::new(into)),
            file,
            name,
        })
    }

    /// Writes a line.
    pub fn line(&mut self, text: &str) -> Result<(), AdminError> {
        let written = self
            .into
            .write_all(text.as_bytes())
            .and_then(|()| self.into.write_all(b"\n"));
        written.map_err(|error| AdminError::File(self.name.clone(), error))
    }

    /// Sees to it that all is where it belongs; of a file, that it is on the disk.
    pub fn finish(mut self) -> Result<(), AdminError> {
        let mut finish = || {
            self.into.flush()?;
            if let Some((file, path)) = &self.file {
                file.sync_all()?;
                fs::rename(part(path), path)?;
                sync_folder(path)?;
            }
            Ok(())
        };
        finish().map_err(|error| AdminError::File(self.name.clone(), error))
    }
}

/// The path of the file to replace; `None` where what is there is no file, and is written into.
fn target(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(there) if there.is_file() => path.canonicalize().map(Some),
        Ok(_) => Ok(None),
        Err(_) if path.is_symlink() => Err(io::Error::new(ErrorKind::NotFound, "it is a link that leads nowhere")),
        Err(_) => Ok(Some(path.to_owned())),
    }
}

fn part(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

/// A file that no other command writes; it is emptied.
fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let why = format!("another command writes {}", path.display());
            return Err(io::Error::new(ErrorKind::ResourceBusy, why));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    file.set_len(0)?;
    Ok(file)
}

/// A new name is on the disk once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
