"""The main job: a trained digit classifier, written as a script module, compiled and checked."""
