//! The manual's environment: a folder as the platform builds it, an empty PostgreSQL, and actions besides the
//! commands.

use std::path::{Path, PathBuf};

use domain::demo_data;
use domain::ids::{IngredientCode, PizzeriaId};
use domain::ingredients::Quantity;
use domain::menu::MenuCommand;
use domain::pizzeria::PizzeriaCommand;
use domain::stock::StockCommand;
use domain::usecase::{ToMenu, ToPizzeria, ToStock, UseCase};
use event_store::{CommandContext, EventStore, Settings};
use identity::clock::Clock;
use tests::Database;
use tests::processes::binary;
use uuid::Uuid;

use crate::load::Load;
use crate::shell::Shell;

/// Port of the first web process; the second has the next. Those of the next release are ten higher.
const PORTS: [u16; 4] = [0, 1, 10, 11];

/// The environment of the manual.
#[derive(Debug)]
pub struct Scene {
    /// The operator's shell.
    pub shell: Shell,
    folder: PathBuf,
    database: Database,
    port: u16,
    load: Option<Load>,
    loads: usize,
}

fn file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// A free port whose neighbours are free too.
fn free_port() -> u16 {
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let start = 20_000 + u16::try_from(std::process::id() % 20_000).unwrap_or_default();
    (start..u16::MAX - 20)
        .step_by(20)
        .find(|port| PORTS.iter().all(|more| is_free(port + more)))
        .unwrap_or_else(|| panic!("no free ports"))
}

impl Scene {
    /// Prepares a folder with the Procfile, the program where the platform's build leaves it, and a database.
    pub async fn set(root: &Path, honcho: &Path) -> Self {
        let folder = std::env::temp_dir().join(format!("ocpizza-manual-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        for path in ["target/release", "bin"] {
            std::fs::create_dir_all(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
        let link = |from: PathBuf, to: &str| {
            std::os::unix::fs::symlink(from, folder.join(to)).unwrap_or_else(|error| panic!("{to}: {error}"));
        };
        link(binary(), "target/release/ocpizza-manager");
        link(binary(), "bin/ocpizza-manager");
        for name in ["Procfile", "app.json"] {
            if root.join(name).is_file() {
                file(&folder.join(name), &std::fs::read_to_string(root.join(name)).unwrap_or_default());
            }
        }
        let runner = folder.join("bin/honcho");
        file(&runner, "#!/bin/sh\nexec python3 -m honcho \"$@\"\n");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&runner, executable).unwrap_or_else(|error| panic!("{error}"));

        let database = Database::empty("ocpizza_manager_db").await;
        let port = free_port();
        let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let (port_text, next) = (port.to_string(), (port + 10).to_string());
        let home = std::env::var("HOME").unwrap_or_default();
        let variables = [
            ("PATH", path.as_str()),
            ("HOME", &home),
            ("LANG", "C.UTF-8"),
            ("PYTHONPATH", honcho.to_str().unwrap_or_default()),
            ("DATABASE_URL", &database.url),
            ("PORT", &port_text),
            ("NEXT_PORT", &next),
        ];
        let shell = Shell::start(&folder, &variables).unwrap_or_else(|error| panic!("bash: {error}"));
        Self { shell, folder, database, port, load: None, loads: 0 }
    }

    /// Executes an action of the test.
    pub async fn play(&mut self, name: &str) {
        match name {
            "the director opens a pizzeria" => self.open_shop().await,
            "customers begin to order" => self.begin_load().await,
            "customers go on ordering" => {
                self.load.as_ref().unwrap_or_else(|| panic!("no load")).goes_on().await
            }
            "customers stop ordering" => {
                let load = self.load.take().unwrap_or_else(|| panic!("no load"));
                load.end().await.check();
            }
            other => panic!("nothing of the name is played: {other}"),
        }
    }

    /// The ends of the commands' logs, to explain a failure.
    pub fn logs(&self) -> String {
        let mut told = String::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let end = lines.len().saturating_sub(30);
                told += &format!("-- {}\n{}\n", entry.path().display(), lines[end..].join("\n"));
            }
        }
        told
    }

    async fn begin_load(&mut self) {
        let token = self.shell.run("ocpizza-manager token director@ocpizza.example").await;
        let token = token.unwrap_or_else(|error| panic!("{error}")).lines.pop().unwrap_or_default();
        let bases = PORTS.iter().map(|more| format!("http://127.0.0.1:{}", self.port + more)).collect();
        self.loads += 1;
        self.load = Some(Load::begin(bases, &token, self.loads).await);
    }

    /// Ends the processes that the commands left.
    pub async fn end(mut self) {
        let _ = self.shell.run("kill $(jobs -p); wait").await;
        drop(self.shell);
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    async fn open_shop(&self) {
        let store = EventStore::start(self.database.pool.clone(), Settings::default());
        let now = Clock::system().now();
        let pizzeria = "P1".parse::<PizzeriaId>().unwrap_or_else(|error| panic!("{error}"));
        let mut opening = demo_data::pizzerias();
        opening.retain(|opening| opening.pizzeria == pizzeria);
        let mut opening = opening.into_iter().next().unwrap_or_else(|| panic!("the demo's first"));
        // Load tests order more than unverified customers may.
        opening.unpaid.unverified = opening.unpaid.account;
        let mut lines = demo_data::opening_stock(&pizzeria);
        let water = "WATER".parse::<IngredientCode>().unwrap_or_else(|error| panic!("{error}"));
        lines.add(&water, Quantity(Quantity::MAX_INPUT / 2));
        let supply =
            StockCommand::Receive { supplier: "Source".into(), delivery_note: "W-1".to_owned(), lines, now };
        let open = PizzeriaCommand::Open { opening: Box::new(opening), now };
        let steps: [Box<dyn UseCase>; 3] = [
            Box::new(ToMenu { command: MenuCommand::Publish { changes: Box::new(demo_data::menu()), now } }),
            Box::new(ToPizzeria { name: "openPizzeria", pizzeria: pizzeria.clone(), command: open }),
            Box::new(ToStock { name: "receiveSupply", pizzeria, command: supply }),
        ];
        for step in steps {
            let context = CommandContext::new(domain::access::Actor::system(), Uuid::now_v7(), "manual");
            let done = store.execute(std::sync::Arc::from(step), context).await;
            let refusal = done.unwrap_or_else(|error| panic!("{error}")).refusal;
            assert!(refusal.is_none(), "{refusal:?}");
        }
    }
}
