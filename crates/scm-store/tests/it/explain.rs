//! The lists are served by their index, in its order.
