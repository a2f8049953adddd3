"""The engines that answer queries, side by side behind one face."""
