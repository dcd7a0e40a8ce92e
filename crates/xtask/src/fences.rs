//! The fences between crates: each sees only what it may, and stays within its budget.
//!
//! A crate earns its place by what it must not see. Judged by what `cargo tree` says of normal
//! dependencies on this machine; development dependencies are free.

mod tree;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::child::{Invocation, deadline_in};
use tree::Package;

const TREE_TIMEOUT: Duration = Duration::from_secs(300);

/// What one crate may and must not depend on, however indirectly.
#[derive(Debug)]
struct Fence {
    of: &'static str,
    /// Those of our own crates it may see.
    ours: &'static [&'static str],
    foreign: Foreign,
}

/// Which crates of others it may see.
#[derive(Debug)]
enum Foreign {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

/// `wire <- proto <- net <- biplane <- examples, cli`; `biplane <- load <- cli`; `sim <- link <- cli`
/// beside `net`; `net <- cli`; `biplane` sees `sim` by a feature.
const FENCES: &[Fence] = &[
    Fence {
        of: "biplane-wire",
        ours: &[],
        foreign: Foreign::Only(&[
            "thiserror",
            "thiserror-impl",
            "proc-macro2",
            "quote",
            "syn",
            "unicode-ident",
        ]),
    },
    Fence {
        of: "biplane-proto",
        ours: &["biplane-wire"],
        foreign: Foreign::AllBut(&[
            "tokio",
            "quinn-udp",
            "socket2",
            "rustls",
            "flume",
            "rustix",
            "rand",
        ]),
    },
    Fence {
        of: "biplane-sim",
        ours: &["biplane-wire", "biplane-proto"],
        foreign: Foreign::AllBut(&["tokio", "rustls", "quinn-udp"]),
    },
    Fence {
        of: "biplane-net",
        ours: &["biplane-wire", "biplane-proto"],
        foreign: Foreign::AllBut(&[]),
    },
    Fence {
        of: "biplane",
        ours: &["biplane-wire", "biplane-proto", "biplane-net", "biplane-sim"],
        foreign: Foreign::AllBut(&[]),
    },
    Fence {
        of: "biplane-link",
        ours: &["biplane-wire", "biplane-proto", "biplane-sim"],
        foreign: Foreign::AllBut(&["tokio", "rustls"]),
    },
    Fence {
        of: "biplane-load",
        ours: &["biplane-wire", "biplane-proto", "biplane-net", "biplane"],
        foreign: Foreign::AllBut(&[]),
    },
    Fence {
        of: "biplane-cli",
        ours: &[
            "biplane-wire",
            "biplane-proto",
            "biplane-net",
            "biplane-sim",
            "biplane-link",
            "biplane",
            "biplane-load",
        ],
        foreign: Foreign::AllBut(&[]),
    },
    Fence {
        of: "hello",
        ours: &["biplane-wire", "biplane-proto", "biplane-net", "biplane"],
        foreign: Foreign::AllBut(&[]),
    },
    Fence {
        of: "lobby",
        ours: &[
            "biplane-wire",
            "biplane-proto",
            "biplane-net",
            "biplane-sim",
            "biplane-link",
            "biplane",
        ],
        foreign: Foreign::AllBut(&[]),
    },
    Fence { of: "xtask", ours: &[], foreign: Foreign::AllBut(&[]) },
];

/// Most unique crates, itself among them, over normal and build dependencies.
const BUDGETS: &[(&str, usize)] =
    &[("biplane-wire", 32), ("biplane-proto", 32), ("biplane", 72), ("lobby", 200)];

/// Every fence that is down and every budget that is spent, one sentence each.
///
/// # Errors
///
/// If cargo cannot say what depends on what.
pub(crate) fn violations() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for fence in FENCES {
        found.extend(fence.breaches(&packages(fence.of, "normal")?));
    }
    for (of, budget) in BUDGETS {
        found.extend(overspent(of, *budget, packages(of, "normal,build")?.len()));
    }
    Ok(found)
}

impl Fence {
    fn breaches(&self, seen: &[Package]) -> Vec<String> {
        let others = seen.iter().filter(|package| package.name != self.of);
        let refused = others.filter(|package| !self.allows(package));
        refused.map(|package| format!("{} must not depend on {}", self.of, package.name)).collect()
    }

    fn allows(&self, package: &Package) -> bool {
        let name = package.name.as_str();
        match self.foreign {
            _ if package.is_ours => self.ours.contains(&name),
            Foreign::Only(allowed) => allowed.contains(&name),
            Foreign::AllBut(refused) => !refused.contains(&name),
        }
    }
}

fn overspent(of: &str, budget: usize, crates: usize) -> Option<String> {
    (crates > budget).then(|| format!("{of} needs {crates} crates, its budget is {budget}"))
}

/// What is built for the crate `of` over these kinds of `edges`, itself included.
fn packages(of: &str, edges: &str) -> Result<Vec<Package>> {
    let line = format!("cargo tree --locked --edges {edges} --prefix none --package {of}");
    let finished = Invocation::new(&line).finish_by(deadline_in(TREE_TIMEOUT))?;
    if !finished.succeeded() {
        bail!("`{line}`: {}\n{}", finished.exit, finished.stderr);
    }
    Ok(tree::packages(&finished.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(of: &str) -> &'static Fence {
        FENCES.iter().find(|fence| fence.of == of).unwrap()
    }

    fn breaches(of: &str, tree: &str) -> Vec<String> {
        fence(of).breaches(&tree::packages(tree))
    }

    #[test]
    fn wire_may_see_thiserror_and_nothing_else() {
        let own = "biplane-wire v0.1.0 (/w/crates/biplane-wire)\nthiserror v2.0.1\n";
        assert!(breaches("biplane-wire", own).is_empty());
        let more = format!("{own}bytes v1.0.0\n");
        assert_eq!(breaches("biplane-wire", &more), ["biplane-wire must not depend on bytes"]);
    }

    #[test]
    fn proto_sees_no_socket_runtime_or_randomness() {
        let tree = "biplane-proto v0.1.0 (/w)\nring v0.17.0\nrand_core v0.9.0\nrand v0.10.0\n";
        assert_eq!(breaches("biplane-proto", tree), ["biplane-proto must not depend on rand"]);
    }

    #[test]
    fn dependencies_point_one_way() {
        let up = "biplane-net v0.1.0 (/w/a)\nbiplane-proto v0.1.0 (/w/b)\nbiplane v0.1.0 (/w/c)\n";
        assert_eq!(breaches("biplane-net", up), ["biplane-net must not depend on biplane"]);
        let down = "biplane v0.1.0 (/w/c)\nbiplane-net v0.1.0 (/w/a)\ntokio v1.51.0\n";
        assert!(breaches("biplane", down).is_empty());
    }

    #[test]
    fn sim_knows_the_core_and_no_sockets() {
        let tree = "biplane-sim v0.1.0 (/w/s)\nbiplane-proto v0.1.0 (/w/p)\nfastrand v2.0.0\n";
        assert!(breaches("biplane-sim", tree).is_empty());
        let tree = format!("{tree}biplane-net v0.1.0 (/w/n)\ntokio v1.51.0\n");
        assert_eq!(breaches("biplane-sim", &tree).len(), 2);
    }

    #[test]
    fn the_relay_knows_the_model_and_no_sessions_over_sockets() {
        let tree = "biplane-link v0.1.0 (/w/l)\nbiplane-sim v0.1.0 (/w/s)\npolling v3.0.0\n";
        assert!(breaches("biplane-link", tree).is_empty());
        let tree = format!("{tree}biplane-net v0.1.0 (/w/n)\nrustls v0.23.0\n");
        assert_eq!(breaches("biplane-link", &tree).len(), 2);
    }

    #[test]
    fn the_load_knows_what_an_application_knows_and_no_simulated_network() {
        let tree = "biplane-load v0.1.0 (/w/l)\nbiplane v0.1.0 (/w/b)\nbiplane-net v0.1.0 (/w/n)\n";
        assert!(breaches("biplane-load", tree).is_empty());
        let tree = format!("{tree}biplane-link v0.1.0 (/w/k)\n");
        assert_eq!(breaches("biplane-load", &tree).len(), 1);
    }

    #[test]
    fn we_judge_the_crates_without_depending_on_them() {
        let tree = "xtask v0.1.0 (/w/x)\nanyhow v1.0.0\nbiplane-wire v0.1.0 (/w/w)\n";
        assert_eq!(breaches("xtask", tree), ["xtask must not depend on biplane-wire"]);
    }

    #[test]
    fn a_budget_may_be_spent_but_not_overspent() {
        assert_eq!(overspent("biplane", 72, 72), None);
        let told = overspent("biplane", 72, 73).unwrap();
        assert_eq!(told, "biplane needs 73 crates, its budget is 72");
    }
}
