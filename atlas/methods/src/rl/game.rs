//! Two-player games, and tic-tac-toe.

/// A position of a two-player zero-sum game.
pub trait Game: Clone {
    /// The legal moves of the player to move.
    fn moves(&self) -> Vec<usize>;

    /// The position after a move, for the other player.
    fn play(&self, action: usize) -> Self;

    /// The result for the player to move: -1 lost, 0 drawn, 1 won; `None` while the game goes on.
    fn outcome(&self) -> Option<f64>;
}

/// The value of a position for the player to move under perfect play, by exhaustive search.
///
/// ```
/// use methods::rl::{TicTacToe, minimax};
/// assert_eq!(minimax(&TicTacToe::new()), 0.0);
/// assert_eq!(minimax(&TicTacToe::parse("XX. OO. ...")), 1.0);
/// ```
pub fn minimax<G: Game>(game: &G) -> f64 {
    game.outcome().unwrap_or_else(|| {
        game.moves().into_iter().map(|action| -minimax(&game.play(action))).fold(f64::NEG_INFINITY, f64::max)
    })
}

/// Tic-tac-toe: three in a row on nine squares. X begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TicTacToe {
    /// One bit per square: the stones of the player to move.
    own: u16,
    other: u16,
}

const LINES: [u16; 8] = [0o007, 0o070, 0o700, 0o111, 0o222, 0o444, 0o421, 0o124];

impl TicTacToe {
    /// The empty board.
    pub fn new() -> TicTacToe {
        TicTacToe::default()
    }

    /// A board from its rows: X, O and points; other characters are ignored. It is X's turn if both have equally many stones.
    pub fn parse(rows: &str) -> TicTacToe {
        let squares = rows.chars().filter(|c| "XO.".contains(*c));
        let (mut x, mut o) = (0u16, 0u16);
        for (square, stone) in squares.enumerate() {
            x |= u16::from(stone == 'X') << square;
            o |= u16::from(stone == 'O') << square;
        }
        if x.count_ones() == o.count_ones() {
            TicTacToe { own: x, other: o }
        } else {
            TicTacToe { own: o, other: x }
        }
    }

    /// The input of a network: 1 for each own stone, then for each of the opponent's, else 0.
    pub fn features(&self) -> [f32; 18] {
        std::array::from_fn(|i| {
            let stones = if i < 9 { self.own } else { self.other };
            f32::from(stones >> (i % 9) & 1)
        })
    }

    /// All reachable positions, including finished games.
    pub fn reachable() -> Vec<TicTacToe> {
        let mut found = vec![TicTacToe::new()];
        let mut seen = std::collections::HashSet::from([TicTacToe::new()]);
        let mut at = 0;
        while at < found.len() {
            let game = found[at];
            let next = game.moves().into_iter().map(|action| game.play(action));
            found.extend(next.filter(|next| seen.insert(*next)));
            at += 1;
        }
        found
    }
}

impl Game for TicTacToe {
    /// Free squares, 0 to 8 row by row; none when the game has ended.
    fn moves(&self) -> Vec<usize> {
        let free = |square: &usize| (self.own | self.other) >> square & 1 == 0;
        if self.outcome().is_some() { vec![] } else { (0..9).filter(free).collect() }
    }

    fn play(&self, action: usize) -> TicTacToe {
        TicTacToe { own: self.other, other: self.own | 1 << action }
    }

    fn outcome(&self) -> Option<f64> {
        let full = self.own | self.other == 0o777;
        let lost = LINES.iter().any(|line| self.other & line == *line);
        if lost { Some(-1.0) } else { full.then_some(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_positions_as_known() {
        let all = TicTacToe::reachable();
        assert_eq!(all.len(), 5478);
        assert_eq!(all.iter().filter(|game| game.outcome().is_some()).count(), 958);
        assert_eq!(TicTacToe::parse("XO. ... ..."), TicTacToe::new().play(0).play(1));
    }
}
