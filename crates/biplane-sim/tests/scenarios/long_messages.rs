//! Messages of many pieces over a path that takes more of them at once than may be open.

use crate::tools::*;

#[test]
fn a_long_message_goes_on_by_itself_when_so_many_pieces_are_open_that_it_must_wait() {
    let mut scene = Scene::clean(1);
    let ordered = channel("ordered");
    // Each but the first finds a window of more than 512 datagrams.
    for index in 0..3 {
        let long = message(index, 1 << 20);
        scene.say(CLIENT, ordered, long.clone());
        let heard = scene.hear(SERVER, ordered, seconds(3));
        assert_eq!(messages(heard), [long], "message {index}");
    }
    let window = scene.session(CLIENT).stats().congestion_window;
    assert!(window > 512 * 1_200, "{window} bytes: all pieces fit the window");
}
