//! Counters that the processes of a run share, so that a sender knows what came without a message
//! that would be charged to the system.
//!
//! A file that both parts map into their memory; the parent only reads it. Each word has one
//! writer, and stands alone: what is read may be a moment old.

use std::{
    env,
    fs::{self, File, OpenOptions},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};

/// Memory that is a file's by name, where there is any: no disk ever sees it.
const MEMORY: &str = "/dev/shm";
/// Words before those of the clients.
const TOTALS: usize = 4;
const WORD: usize = size_of::<u64>();

/// What is counted for all clients together.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Total {
    /// Clients that joined, as their own process sees it.
    Joined,
    /// Clients that joined, as the server sees it.
    Met,
    /// Messages that came to the server.
    Up,
    /// Messages that came to the clients.
    Down,
}

impl Total {
    const fn place(self) -> usize {
        match self {
            Self::Joined => 0,
            Self::Met => 1,
            Self::Up => 2,
            Self::Down => 3,
        }
    }
}

/// The counters in a part's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared(&'static [AtomicU64]);

impl Shared {
    /// Maps what [`SharedFile::create`] made, until the process ends.
    pub(crate) fn map(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        let bytes = usize::try_from(file.metadata()?.len())?;
        Ok(Self(map(&file, bytes / WORD).context("cannot map the shared counters")?))
    }

    pub(crate) fn set_total(self, total: Total, count: u64) {
        self.set(total.place(), count);
    }

    pub(crate) fn total(self, total: Total) -> u64 {
        self.word(total.place())
    }

    /// Says that of a client's messages up all before `next` came or are overtaken.
    pub(crate) fn set_next(self, client: usize, next: u64) {
        self.set(TOTALS + client, next);
    }

    /// What was last said with [`Shared::set_next`].
    pub(crate) fn next(self, client: usize) -> u64 {
        self.word(TOTALS + client)
    }

    fn set(self, place: usize, value: u64) {
        if let Some(word) = self.0.get(place) {
            word.store(value, Ordering::Relaxed);
        }
    }

    fn word(self, place: usize) -> u64 {
        self.0.get(place).map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

#[expect(unsafe_code, reason = "memory that two processes share cannot be had without")]
fn map(file: &File, words: usize) -> Result<&'static [AtomicU64]> {
    use rustix::mm::{MapFlags, ProtFlags, mmap};
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the address is the system's to choose, so no memory in use is mapped over.
    let start =
        unsafe { mmap(std::ptr::null_mut(), words * WORD, access, MapFlags::SHARED, file, 0)? };
    // SAFETY: the mapping starts at a page, has this length, is never undone, and any bytes are a
    // valid `AtomicU64`. All processes touch it through atomics alone. Were the file cut short, an
    // access would end this process by a signal: only the parent could, and it never does.
    Ok(unsafe { std::slice::from_raw_parts(start.cast::<AtomicU64>(), words) })
}

/// The same counters as the parent has them.
#[derive(Debug)]
pub(crate) struct SharedFile {
    file: File,
    path: PathBuf,
}

impl SharedFile {
    /// Makes one for so many clients, with zeros.
    pub(crate) fn create(clients: usize) -> Result<Self> {
        let memory = Path::new(MEMORY);
        let folder = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let path = folder.join(format!("biplane-load-{}-{nanos}", process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = file.with_context(|| format!("cannot make {}", path.display()))?;
        let mut made = Self { file, path };
        made.file.set_len(u64::try_from((TOTALS + clients) * WORD)?)?;
        // Where it can be had by its descriptor, it needs no name, and nothing can be left of it.
        let nameless = format!("/proc/{}/fd/{}", process::id(), made.file.as_raw_fd());
        if File::open(&nameless).is_ok() {
            made.unlink();
            made.path = nameless.into();
        }
        Ok(made)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the name away; the counters live on where they are mapped.
    pub(crate) fn unlink(&self) {
        // Already gone is as good.
        fs::remove_file(&self.path).ok();
    }

    pub(crate) fn total(&self, total: Total) -> u64 {
        use std::os::unix::fs::FileExt;
        let mut word = [0; WORD];
        let place = u64::try_from(total.place() * WORD).unwrap_or(0);
        match self.file.read_exact_at(&mut word, place) {
            Ok(()) => u64::from_ne_bytes(word),
            Err(_) => 0,
        }
    }
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        self.unlink();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_writes_the_others_read_also_when_the_name_is_gone() {
        let file = SharedFile::create(2).unwrap();
        let (one, other) = (Shared::map(file.path()).unwrap(), Shared::map(file.path()).unwrap());
        file.unlink();
        one.set_total(Total::Up, 7);
        one.set_next(1, 9);
        assert_eq!(
            (other.total(Total::Up), other.total(Total::Down), file.total(Total::Up)),
            (7, 0, 7)
        );
        assert_eq!((other.next(0), other.next(1)), (0, 9));
        // A client that there is not has no place.
        one.set_next(2, 1);
        assert_eq!(other.next(2), 0);
    }
}
