//! The tree's hashes in the database, in tiles of 256 (C2SP tlog-tiles): levels 0, 8, 16 and so on are stored, those
//! between are computed. A proof reads a few tiles, however long the log is.

use std::cell::RefCell;
use std::collections::HashMap;

use sqlx::PgConnection;
use tlog_tiles::{Hash, HashReader};

use crate::SealError;
use crate::tree::{Frontier, TreeError};

/// Levels of the tree in a level of tiles.
const HEIGHT: u8 = 8;
/// Hashes in a full tile.
pub(crate) const WIDTH: usize = 1 << HEIGHT;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Consecutive hashes of one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) level: u8,
    pub(crate) tile: u64,
    pub(crate) hashes: Vec<u8>,
}

/// A growing tree with its incomplete tiles.
#[derive(Debug, Clone, Default)]
pub(crate) struct GrowingTree {
    frontier: Frontier,
    /// Hashes of each level's incomplete last tile.
    partial: Vec<Vec<u8>>,
}

impl GrowingTree {
    /// Returns the tree of a size, from its last tiles.
    pub(crate) fn of(size: u64, tiles: &Tiles) -> Result<Self, TreeError> {
        let frontier = Frontier::of(size, tiles)?;
        let mut partial = Vec::new();
        for (level, tile, width) in last_tiles(size) {
            let bytes = match width {
                0 => &[][..],
                width => tiles.bytes(level, tile, width).ok_or(TreeError::NoSuchPart)?,
            };
            partial.push(bytes.to_vec());
        }
        Ok(Self { frontier, partial })
    }

    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(crate) fn root(&self) -> Result<Hash, TreeError> {
        self.frontier.root()
    }

    /// Appends the hash of a leaf, and returns the tiles that it completes.
    pub(crate) fn push(&mut self, leaf: Hash) -> Result<Vec<Tile>, TreeError> {
        let completed = self.frontier.push(leaf)?;
        let mut full = Vec::new();
        for (level, hash) in (0_u8..).zip(completed.iter().step_by(usize::from(HEIGHT))) {
            if self.partial.len() == usize::from(level) {
                self.partial.push(Vec::new());
            }
            let partial = &mut self.partial[usize::from(level)];
            partial.extend(hash.0);
            if partial.len() == WIDTH * HASH_BYTES {
                let tile = (self.frontier.size() >> (HEIGHT * level) >> HEIGHT) - 1;
                full.push(Tile { level, tile, hashes: std::mem::take(partial) });
            }
        }
        Ok(full)
    }

    /// Returns the incomplete last tile of each level.
    pub(crate) fn partial_tiles(&self) -> impl Iterator<Item = Tile> + '_ {
        let size = self.frontier.size();
        let partial = (0_u8..).zip(&self.partial).filter(|(_, hashes)| !hashes.is_empty());
        partial.map(move |(level, hashes)| Tile {
            level,
            tile: size >> (HEIGHT * level) >> HEIGHT,
            hashes: hashes.clone(),
        })
    }
}

/// Returns the last tile of each level of a tree with its number of hashes, which is 0 after a full tile.
fn last_tiles(size: u64) -> impl Iterator<Item = (u8, u64, usize)> {
    (0_u8..8).map(move |level| (level, size >> (HEIGHT * level))).take_while(|(_, count)| *count > 0).map(
        |(level, count)| {
            // Below 256.
            let width = usize::try_from(count % WIDTH as u64).unwrap_or_default();
            (level, count >> HEIGHT, width)
        },
    )
}

/// Tiles read from the database.
#[derive(Debug, Default)]
pub(crate) struct Tiles(HashMap<(u8, u64), Vec<u8>>);

impl Tiles {
    fn bytes(&self, level: u8, tile: u64, width: usize) -> Option<&[u8]> {
        self.0.get(&(level, tile))?.get(..width * HASH_BYTES)
    }
}

impl HashReader for Tiles {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let tile = tlog_tiles::Tile::from_index(HEIGHT, *index);
            let bytes = self.0.get(&(tile.level(), tile.level_index()));
            tile.hash_at_index(bytes.ok_or(tlog_tiles::Error::IndexesNotInTree)?, *index)
        };
        indexes.iter().map(read).collect()
    }
}

/// Records the requested indexes, and returns zero hashes.
#[derive(Default)]
struct RecordingReader(RefCell<Vec<u64>>);

impl HashReader for RecordingReader {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        self.0.borrow_mut().extend(indexes);
        Ok(vec![Hash::default(); indexes.len()])
    }
}

/// A computation over hashes. It is synchronous, so it runs once to record what it reads, and again with the hashes.
pub(crate) trait Computation {
    type Output;
    fn compute(&self, hashes: &impl HashReader) -> Result<Self::Output, TreeError>;
}

/// Runs a computation over the stored hashes.
///
/// # Errors
/// The database does not answer, the tree has no such part, or its hashes are missing.
pub(crate) async fn compute<C: Computation>(
    db: &mut PgConnection,
    computation: &C,
) -> Result<C::Output, SealError> {
    let wanted: Vec<_> = {
        let reader = RecordingReader::default();
        computation.compute(&reader)?;
        let tiles = reader.0.into_inner().into_iter();
        tiles.map(|index| tlog_tiles::Tile::from_index(HEIGHT, index)).collect()
    };
    let tiles = read(db, wanted.iter().map(|tile| (tile.level(), tile.level_index()))).await?;
    Ok(computation.compute(&tiles)?)
}

/// Reads the last tiles of a tree, which appending needs.
pub(crate) async fn read_edge(db: &mut PgConnection, size: u64) -> Result<Tiles, sqlx::Error> {
    read(db, last_tiles(size).map(|(level, tile, _)| (level, tile))).await
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Reads tiles; missing ones are left out.
pub(crate) async fn read(
    db: &mut PgConnection,
    wanted: impl Iterator<Item = (u8, u64)>,
) -> Result<Tiles, sqlx::Error> {
    let (levels, tiles): (Vec<i16>, Vec<i64>) =
        wanted.map(|(level, tile)| (i16::from(level), number(tile))).unzip();
    let rows: Vec<(i16, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT level, tile, hashes FROM tree_tiles \
         WHERE (level, tile) IN (SELECT * FROM unnest($1::smallint[], $2::bigint[]))",
    )
    .bind(levels)
    .bind(tiles)
    .fetch_all(db)
    .await?;
    let tiles = rows.into_iter().filter_map(|(level, tile, hashes)| {
        Some(((u8::try_from(level).ok()?, u64::try_from(tile).ok()?), hashes))
    });
    Ok(Tiles(tiles.collect()))
}

impl Tiles {
    /// Returns the hashes of a tile.
    pub(crate) fn get(&self, level: u8, tile: u64) -> Option<&[u8]> {
        self.0.get(&(level, tile)).map(Vec::as_slice)
    }
}

/// Writes or overwrites tiles.
pub(crate) async fn write(db: &mut PgConnection, tiles: Vec<Tile>) -> Result<(), sqlx::Error> {
    let levels: Vec<i16> = tiles.iter().map(|tile| i16::from(tile.level)).collect();
    let numbers: Vec<i64> = tiles.iter().map(|tile| number(tile.tile)).collect();
    let hashes: Vec<Vec<u8>> = tiles.into_iter().map(|tile| tile.hashes).collect();
    sqlx::query(
        "INSERT INTO tree_tiles (level, tile, hashes) \
         SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[]) \
         ON CONFLICT (level, tile) DO UPDATE SET hashes = EXCLUDED.hashes",
    )
    .bind(levels)
    .bind(numbers)
    .bind(hashes)
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
