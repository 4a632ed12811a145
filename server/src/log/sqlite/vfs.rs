//! How what a commit adds to SQLite's write-ahead log gets into its file: in few large pieces, where SQLite by itself writes every page
//! in two small ones (ADR 12).
//!
//! SQLite calls the system through a table of functions, its VFS. This one is the system's own, but for the write-ahead log of who opens
//! a database by it: what is written there one after the other is held back, up to a piece, until it is synced or anything else is asked
//! of the file. Only for `synchronous=FULL`, where nobody looks for what a commit has written before it is synced, and `cache_spill=OFF`,
//! where nothing is written there but by a commit.

#[cfg(test)]
mod tests;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::{ptr, slice};

use rusqlite::ffi::{
    SQLITE_CANTOPEN, SQLITE_IOERR, SQLITE_OK, SQLITE_OPEN_WAL, sqlite3_file, sqlite3_io_methods, sqlite3_vfs,
    sqlite3_vfs_find, sqlite3_vfs_register,
};

/// What it is opened by.
const NAME: &CStr = c"readrealm";

/// Bytes that are held back at most: SQLite's own functions for Unix write less than 128 KiB at a time.
const PIECE: usize = 127 * 1024;

/// The name to open the writer's connection by. Registers it the first time; where the system will not have it, the error's code.
pub(super) fn name() -> Result<&'static CStr, c_int> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    match *REGISTERED.get_or_init(register) {
        SQLITE_OK => Ok(NAME),
        code => Err(code),
    }
}

fn register() -> c_int {
    // SAFETY: SQLite keeps the system's table for as long as the process lives; ours is leaked, as it has to.
    unsafe {
        let system = sqlite3_vfs_find(ptr::null());
        let Some(of_system) = system.as_ref() else {
            return SQLITE_CANTOPEN;
        };
        let own = c_int::try_from(size_of::<WalFile>()).unwrap_or_default();
        let table = sqlite3_vfs {
            szOsFile: of_system.szOsFile + own,
            pNext: ptr::null_mut(),
            zName: NAME.as_ptr(),
            xOpen: Some(open),
            ..*of_system
        };
        sqlite3_vfs_register(Box::into_raw(Box::new(table)), 0)
    }
}

/// A write-ahead log. Behind it in the memory that SQLite gives a file stands the system's own.
#[repr(C)]
struct WalFile {
    /// What SQLite calls: the first of every file.
    methods: *const sqlite3_io_methods,
    /// Where in the file what is held back begins.
    at: i64,
    held: Vec<u8>,
}

/// The first version of the table: what came later is about the database's file, not its log's.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    path: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: `file` has room for ours and the system's, as `szOsFile` says.
    unsafe {
        let system = sqlite3_vfs_find(ptr::null());
        let Some(open) = system.as_ref().and_then(|system| system.xOpen) else {
            return SQLITE_CANTOPEN;
        };
        if flags & SQLITE_OPEN_WAL == 0 {
            return open(system, path, file, flags, flags_out);
        }
        let code = open(system, path, systems(file), flags, flags_out);
        if code == SQLITE_OK {
            let (at, held) = (0, Vec::new());
            let methods = &raw const METHODS;
            file.cast::<WalFile>().write(WalFile { methods, at, held });
        } else {
            (*file).pMethods = ptr::null();
        }
        code
    }
}

/// The system's own file.
///
/// # Safety
///
/// `file` is one of ours, or has room for one.
unsafe fn systems(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: it stands right behind ours, which is as large as a multiple of what both are aligned to.
    unsafe { file.byte_add(size_of::<WalFile>()) }
}

/// Calls the system's own function of that name.
macro_rules! system {
    ($file:expr, $function:ident $(, $argument:expr)*) => {{
        // SAFETY: a file that is open has a table, and SQLite gives each function what it asks for.
        unsafe {
            let file = systems($file);
            match (*file).pMethods.as_ref().and_then(|methods| methods.$function) {
                Some(function) => function(file $(, $argument)*),
                None => SQLITE_IOERR,
            }
        }
    }};
}

/// Writes what is held back. Where that fails it is gone, and SQLite takes the transaction back.
unsafe fn flush(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite calls the functions of a file one at a time, while it is open.
    let own = unsafe { &mut *file.cast::<WalFile>() };
    if own.held.is_empty() {
        return SQLITE_OK;
    }
    // Never more than a piece.
    let length = c_int::try_from(own.held.len()).unwrap_or_default();
    let code = system!(file, xWrite, own.held.as_ptr().cast(), length, own.at);
    own.held.clear();
    code
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, length: c_int, at: i64) -> c_int {
    // SAFETY: as in `flush`; the bytes are SQLite's for as long as this call lasts.
    let (own, bytes) = unsafe {
        let length = usize::try_from(length).unwrap_or_default();
        (
            &*file.cast::<WalFile>(),
            slice::from_raw_parts(bytes.cast::<u8>(), length),
        )
    };
    let is_next = i64::try_from(own.held.len()).is_ok_and(|held| own.at + held == at);
    if !is_next || own.held.len() + bytes.len() > PIECE {
        // SAFETY: as above.
        let code = unsafe { flush(file) };
        if code != SQLITE_OK {
            return code;
        }
    }
    // SAFETY: as above; not the one from before, which `flush` has taken the place of.
    let own = unsafe { &mut *file.cast::<WalFile>() };
    if own.held.is_empty() {
        own.at = at;
    }
    own.held.extend_from_slice(bytes);
    SQLITE_OK
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: nothing is called for a file after this, so what it holds may go.
    let flushed = unsafe { flush(file) };
    let closed = system!(file, xClose);
    unsafe { file.cast::<WalFile>().drop_in_place() };
    if closed == SQLITE_OK { flushed } else { closed }
}

/// A function of the system's that must find everything written.
macro_rules! flushed {
    ($name:ident, $function:ident $(, $argument:ident: $of:ty)*) => {
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $of)*) -> c_int {
            // SAFETY: as in `flush`.
            match unsafe { flush(file) } {
                SQLITE_OK => system!(file, $function $(, $argument)*),
                code => code,
            }
        }
    };
}

/// One that does not care.
macro_rules! handed_on {
    ($name:ident, $function:ident $(, $argument:ident: $of:ty)*) => {
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $of)*) -> c_int {
            system!(file, $function $(, $argument)*)
        }
    };
}

flushed!(read, xRead, into: *mut c_void, length: c_int, at: i64);
flushed!(truncate, xTruncate, size: i64);
flushed!(sync, xSync, flags: c_int);
flushed!(file_size, xFileSize, size: *mut i64);
flushed!(file_control, xFileControl, what: c_int, argument: *mut c_void);
handed_on!(lock, xLock, level: c_int);
handed_on!(unlock, xUnlock, level: c_int);
handed_on!(check_reserved_lock, xCheckReservedLock, is_reserved: *mut c_int);
handed_on!(sector_size, xSectorSize);
handed_on!(device_characteristics, xDeviceCharacteristics);
