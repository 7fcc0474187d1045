//! The program's binary and its processes.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use crate::cpu;
use crate::postgres::note;

/// Deadline of a start.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A process is idle below this share of a core for this time.
const IDLE: f64 = 0.05;
const AT_REST: Duration = Duration::from_secs(1);
const SETTLED_WITHIN: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(2);

/// Variables without rate limits for an account or an address.
pub const UNLIMITED: &[(&str, &str)] =
    &[("OCPIZZA_MANAGER_RATE_PER_ACCOUNT", "OFF"), ("OCPIZZA_MANAGER_RATE_PER_ADDRESS", "OFF")];

/// Variables for the load of thousands of customers from one address and few accounts: this machine is a trusted
/// proxy, which has no limit.
const ONE_MACHINE: &[(&str, &str)] = &[
    ("OCPIZZA_MANAGER_TRUSTED_PROXIES", "127.0.0.1"),
    ("OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_CUSTOMER", "20000"),
    ("OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_EMPLOYEE", "20000"),
];

/// Builds the binary with the profile of this program; returns its path.
pub async fn path() -> Result<PathBuf> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT.get_or_try_init(build).await.cloned()
}

async fn build() -> Result<PathBuf> {
    // target/<profile>/deps/performance-<hash>
    let this = std::env::current_exe()?;
    let profile = this.parent().and_then(|deps| deps.parent()).context("target/<profile>/deps")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Built with this program, so that both use the same features of shared crates.
    cargo.current_dir(crate::root()).args([
        "build",
        "--locked",
        "--quiet",
        "--workspace",
        "--bin",
        "ocpizza-manager",
    ]);
    cargo.args(["--bench", "performance"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    if let Some(target) = profile.parent() {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    // Variables that cargo sets for this package would make build scripts (ring's) run again and rebuild half of
    // the tree each time.
    for (name, _) in std::env::vars_os() {
        let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_package) {
            cargo.env_remove(name);
        }
    }
    let built = cargo.stdin(Stdio::null()).status().await.context("cargo does not run")?;
    if !built.success() {
        bail!("ocpizza-manager does not build");
    }
    Ok(profile.join("ocpizza-manager"))
}

/// The binary on a database, without other settings; killed on drop.
pub async fn command(database_url: &str) -> Result<Command> {
    let mut command = Command::new(path().await?);
    command
        .env("DATABASE_URL", database_url)
        .env_remove("OCPIZZA_MANAGER_SETTINGS")
        .env_remove("OCPIZZA_MANAGER_KEY")
        .env_remove("ENV")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

/// A process that serves the API, killed on drop.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    /// `127.0.0.1:<port>`.
    pub address: String,
    /// Time from the start to readiness.
    pub ready_after: Duration,
}

impl Serving {
    /// Starts a process with some variables and its request log to `/dev/null`, and waits until it is ready.
    pub async fn start(database_url: &str, variables: &[(&str, &str)]) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = command(database_url).await?;
        command.arg("serve").env("PORT", port.to_string());
        command.envs(ONE_MACHINE.iter().copied()).envs(variables.iter().copied());
        let began = Instant::now();
        let child = command.spawn()?;
        let mut this = Self { child, address: format!("127.0.0.1:{port}"), ready_after: Duration::ZERO };
        while !is_ready(&this.address).await {
            if let Some(status) = this.child.try_wait()? {
                bail!("`ocpizza-manager serve` ended before it was ready: {status}");
            }
            if began.elapsed() > READY_WITHIN {
                bail!("`ocpizza-manager serve` is not ready after {READY_WITHIN:?}");
            }
            tokio::time::sleep(POLL).await;
        }
        this.ready_after = began.elapsed();
        Ok(this)
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until work after the start is done, such as closing the days of a generated log, for at most three
    /// minutes.
    pub async fn settled(&self) {
        let began = Instant::now();
        while began.elapsed() < SETTLED_WITHIN {
            let before = cpu::of(self.pid());
            tokio::time::sleep(AT_REST).await;
            if cpu::of(self.pid()) - before < AT_REST.as_secs_f64() * IDLE {
                return;
            }
        }
        note(&format!("  `ocpizza-manager serve` did not come to rest within {SETTLED_WITHIN:?}"));
    }

    /// Ends it.
    pub async fn end(mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }
}

async fn is_ready(address: &str) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    stream.write_all(request.as_bytes()).await.is_ok()
        && stream.read_to_end(&mut answer).await.is_ok()
        && answer.starts_with(b"HTTP/1.1 200")
}
