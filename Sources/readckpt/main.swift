import CkptCommands

runCommandLine(Readckpt.self)
