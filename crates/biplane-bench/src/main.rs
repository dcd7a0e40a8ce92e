//! The same work on Biplane and on what one would use instead, in alternating rounds of one run.
//!
//! | module | is |
//! |---|---|
//! | `systems` | everything that can be compared, by name |

mod systems;

fn main() {
    for system in systems::ALL {
        println!("{} {}", system.name(), system.version());
    }
}
