//! A database with rows, and what a server needs to serve it.

use std::{fmt::Write as _, fs, path::PathBuf};

use ring::digest::{SHA256, digest};
use scm_store::{Cipher, KeyRing};

use crate::{
    cli::World,
    database::{Database, Scratch},
    fill::{self, tenant},
};

/// Tenants that have an API key: spread over all of them.
const KEYED: u32 = 1_000;

/// A database that is filled, with a directory beside it.
pub(crate) struct Target {
    pub(crate) db: Database,
    pub(crate) directory: Scratch,
}

impl Target {
    /// A database of its own, with the whole schema and all rows.
    pub(crate) async fn new(world: &World) -> anyhow::Result<Self> {
        let directory = Scratch::new()?;
        let db = Database::migrated(world.database.backend(), directory.path()).await?;
        let keys = KeyRing::load_or_create(&directory.path().join("keys"))?;
        let cipher = Cipher::new(keys.ring);
        fill::fill(&db, &cipher, world.tenants, world.rows).await?;
        Ok(Self { db, directory })
    }

    /// The settings of a server on it: API keys for many tenants, everything else as it comes.
    pub(crate) fn settings(&self, world: &World, listen: &str) -> anyhow::Result<PathBuf> {
        let directory = self.directory.path();
        let text = |value: &str| serde_json::to_string(value);
        let mut settings = format!(
            "listen = {}\ndata_dir = {}\nkeys_file = {}\n[database]\nurl = {}\n[auth]\nmode = \
             \"api-keys\"\n",
            text(listen)?,
            text(&directory.join("data").to_string_lossy())?,
            text(&directory.join("keys").to_string_lossy())?,
            text(&self.db.url)?,
        );
        for number in keyed(world.tenants) {
            write!(
                settings,
                "[[auth.keys]]\nid = \"t{number}\"\nhash = \"{}\"\ntenant = \"{}\"\nrole = \
                 \"owner\"\naccount = \"acc-bench\"\n",
                hash(&key(number)),
                tenant(number)
            )?;
        }
        let path = directory.join("settings.toml");
        fs::write(&path, settings)?;
        Ok(path)
    }
}

/// The tenants that requests are made for.
pub(crate) fn keyed(tenants: u32) -> impl Iterator<Item = u32> {
    let step = (tenants / KEYED).max(1);
    (0..tenants).step_by(usize::try_from(step).unwrap_or(1))
}

/// A tenant's API key. Nothing is behind it but rows that the rig has made.
pub(crate) fn key(tenant: u32) -> String {
    format!("scm_t{tenant}_{tenant:064x}")
}

fn hash(key: &str) -> String {
    let mut hash = "sha256:".to_owned();
    for byte in digest(&SHA256, key.as_bytes()).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}
