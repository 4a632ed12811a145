//! Where a command prints: stdout, or a file.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::AdminError;

/// Buffered output that says where it failed.
pub struct Output {
    name: String,
    into: BufWriter<Box<dyn Write + Send>>,
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
    /// nothing cut off bears the name of something whole. Replaces a file of that name.
    pub fn file(path: &Path) -> Result<Self, AdminError> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let name = path.display().to_string();
        let failed = |error| AdminError::File(name.clone(), error);
        let file = File::create(&part).map_err(failed)?;
        let kept = file.try_clone().map_err(failed)?;
        Ok(Self {
            into: BufWriter::with_capacity(64 * 1024, Box::new(file)),
            file: Some((kept, path.to_owned())),
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
                let mut part = path.as_os_str().to_owned();
                part.push(".part");
                std::fs::rename(part, path)?;
            }
            Ok(())
        };
        finish().map_err(|error| AdminError::File(self.name.clone(), error))
    }
}
