//! What is written when, and that SQLite finds what it wrote.

use std::ffi::CString;
use std::fs;
use std::path::Path;

use rusqlite::ffi::{
    SQLITE_IOERR_WRITE, SQLITE_OPEN_CREATE, SQLITE_OPEN_READONLY, SQLITE_OPEN_READWRITE, SQLITE_SYNC_NORMAL,
};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::*;

fn open_log(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags_and_vfs(path, flags, name().unwrap()).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "synchronous", "full").unwrap();
    connection
}

/// A write-ahead log as SQLite holds it, and its table.
struct Opened(Vec<u64>);

impl Opened {
    fn at(path: &Path) -> Self {
        Self::with(path, SQLITE_OPEN_CREATE | SQLITE_OPEN_READWRITE)
    }

    fn with(path: &Path, flags: c_int) -> Self {
        let path = CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the table is registered, and the memory as large and as aligned as it says.
        unsafe {
            let vfs = sqlite3_vfs_find(name().unwrap().as_ptr());
            let bytes = usize::try_from((*vfs).szOsFile).unwrap();
            let mut opened = Self(vec![0; bytes.div_ceil(8)]);
            let flags = SQLITE_OPEN_WAL | flags;
            let code = (*vfs).xOpen.unwrap()(vfs, path.as_ptr(), opened.file(), flags, ptr::null_mut());
            assert_eq!(code, SQLITE_OK);
            opened
        }
    }

    fn file(&mut self) -> *mut sqlite3_file {
        self.0.as_mut_ptr().cast()
    }

    fn write(&mut self, bytes: &[u8], at: i64) {
        let length = c_int::try_from(bytes.len()).unwrap();
        // SAFETY: it is open.
        assert_eq!(
            unsafe { write(self.file(), bytes.as_ptr().cast(), length, at) },
            SQLITE_OK
        );
    }

    fn size(&mut self) -> i64 {
        let mut size = 0;
        // SAFETY: it is open.
        assert_eq!(unsafe { file_size(self.file(), &raw mut size) }, SQLITE_OK);
        size
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: it is open, and not used after this.
        assert_eq!(unsafe { close(self.file()) }, SQLITE_OK);
    }
}

#[test]
fn what_follows_each_other_is_held_back_until_somebody_looks_or_there_is_a_piece_of_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db-wal");
    fs::write(folder.path().join("a.db"), "").unwrap();
    let mut log = Opened::at(&path);
    let there = || fs::read(&path).unwrap();
    log.write(&[1; 24], 0);
    log.write(&[2; 4_096], 24);
    assert!(there().is_empty(), "held back");
    assert_eq!(log.size(), 4_120);
    assert_eq!(there(), [[1; 24].as_slice(), &[2; 4_096]].concat());
    // Elsewhere: what came before is written first, and this is held back.
    log.write(&[3; 100], 4_120);
    log.write(&[4; 10], 0);
    assert_eq!(there().len(), 4_220);
    assert_eq!(there()[..24], [1; 24]);
    // More than a piece.
    log.write(&vec![5; PIECE - 5], 10);
    assert_eq!(there()[..24], [[4; 10].as_slice(), &[1; 14]].concat());
    drop(log);
    assert_eq!(there().len(), PIECE + 5);
    assert_eq!(there()[PIECE..], [5; 5]);
}

#[test]
fn others_read_what_is_committed_and_it_reads_back_what_did_not_fit_its_cache() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    let mut log = open_log(&path);
    log.pragma_update(None, "cache_size", 10).unwrap();
    log.pragma_update(None, "wal_autocheckpoint", 200).unwrap();
    log.execute_batch("CREATE TABLE t (key INTEGER PRIMARY KEY, text TEXT); CREATE INDEX by_text ON t (text)")
        .unwrap();
    let other = Connection::open(&path).unwrap();
    let count = |connection: &Connection| -> i64 {
        connection
            .query_row("SELECT count(*) FROM t WHERE text > ''", [], |row| row.get(0))
            .unwrap()
    };
    for round in 1..=10 {
        let tx = log.transaction().unwrap();
        for n in 0..200 {
            let text = format!("{:0>500}", (n * 7_919 + round) % 1_009);
            tx.execute("INSERT INTO t (text) VALUES (?)", [text]).unwrap();
        }
        assert_eq!(count(&other), (round - 1) * 200);
        tx.commit().unwrap();
        assert_eq!((count(&other), count(&log)), (round * 200, round * 200));
    }
    let sound = |connection: &Connection| {
        let found: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(found, "ok");
    };
    sound(&other);
    drop((log, other));
    let again = Connection::open(&path).unwrap();
    sound(&again);
    assert_eq!(count(&again), 2_000);
}

#[test]
fn what_cannot_be_written_fails_who_asks_for_it_and_is_gone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db-wal");
    fs::write(folder.path().join("a.db"), "").unwrap();
    fs::write(&path, [1; 10]).unwrap();
    let mut log = Opened::with(&path, SQLITE_OPEN_READONLY);
    log.write(&[2; 24], 10);
    // SAFETY: it is open.
    let synced = [(); 2].map(|()| unsafe { sync(log.file(), SQLITE_SYNC_NORMAL) });
    assert_eq!(synced, [SQLITE_IOERR_WRITE, SQLITE_OK]);
    // As SQLite takes back what a commit could not write, and begins again where it began.
    log.write(&[3; 24], 10);
    // SAFETY: it is open.
    assert_eq!(unsafe { truncate(log.file(), 0) }, SQLITE_IOERR_WRITE);
    assert_eq!(log.size(), 10);
}
