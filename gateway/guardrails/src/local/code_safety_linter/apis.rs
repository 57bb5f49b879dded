//! Calls that run code, start processes or delete files: one row per interface.

use super::language::Family;
use super::language::Family::{
    C, DotNet, Go, Java, Lua, Perl, Php, Python, R, Ruby, Rust, Script, Unknown,
};

/// What the arguments of a call must be like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum When {
    /// There are some. A call without any is a mention.
    Given,
    /// Whatever they are, also none.
    Always,
    /// The first is a string.
    Text,
    /// The first is a string, a variable of a scripting language, or a name of more than one letter.
    Operand,
    /// The first is a string and a list follows.
    TextAndList,
    /// `recursive: true`, `recursive=True` or `'-rf'` is among them.
    Recursive,
    /// The first comes from a request: `$_GET`.
    Request,
    /// `true` is among them.
    True,
    /// The program is run: `output`, `spawn` or `status` follows, or the module is named in the text.
    Run,
}

/// An interface that a call uses.
#[derive(Debug)]
pub(super) struct Api {
    /// What stands before the name: a module, class or object. Empty: nothing.
    pub(super) base: &'static str,
    /// The names, sorted.
    pub(super) names: &'static [&'static str],
    /// Languages that have it; others have something harmless of that name, or nothing.
    pub(super) families: &'static [Family],
    /// What the arguments must be like.
    pub(super) when: When,
    /// What a finding is called.
    pub(super) category: &'static str,
    /// A call that is found.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(super) example: &'static str,
}

const EVAL: &str = "code_eval";
const SPAWN: &str = "process_spawn";
const TREE: &str = "recursive_delete";
const FILE: &str = "file_delete";

const ANY: &[Family] = &[];
const PY: &[Family] = &[Python, Unknown];
const JS: &[Family] = &[Script, Unknown];

const fn api(
    base: &'static str,
    names: &'static [&'static str],
    families: &'static [Family],
    when: When,
    category: &'static str,
    example: &'static str,
) -> Api {
    Api {
        base,
        names,
        families,
        when,
        category,
        example,
    }
}

/// All of them. A module of Python is looked up by its own name, however it was imported.
#[rustfmt::skip]
pub(super) const APIS: &[Api] = &[
    // Dynamic evaluation.
    api("", &["eval"], ANY, When::Given, EVAL, "eval(x)"),
    api("", &["exec"], &[Python, Php, Perl, Ruby, Unknown], When::Given, EVAL, "exec(code)"),
    api("builtins", &["eval", "exec"], PY, When::Given, EVAL, "builtins.eval(x)"),
    api("__builtins__", &["eval", "exec"], PY, When::Given, EVAL, "__builtins__.exec(x)"),
    api("window", &["eval"], JS, When::Given, EVAL, "window.eval(x)"),
    api("globalThis", &["eval"], JS, When::Given, EVAL, "globalThis.eval(x)"),
    api("global", &["eval"], JS, When::Given, EVAL, "global.eval(x)"),
    api("new", &["Function"], JS, When::Given, EVAL, "new Function('return ' + x)"),
    api("", &["Function"], JS, When::Text, EVAL, "Function('return 1')()"),
    api("", &["execScript", "setImmediate", "setInterval", "setTimeout"], JS, When::Text, EVAL, "setTimeout('go()', 9)"),
    api("vm", &["Script", "compileFunction", "runInContext", "runInNewContext", "runInThisContext"], JS, When::Given, EVAL, "vm.runInNewContext(code)"),
    api("", &["runInNewContext", "runInThisContext"], JS, When::Given, EVAL, "runInThisContext(code)"),
    api("window", &["execScript", "setInterval", "setTimeout"], JS, When::Text, EVAL, "window.setTimeout('go()', 9)"),
    api("process", &["binding", "dlopen"], JS, When::Text, SPAWN, "process.binding('spawn_sync')"),
    api("", &["assert"], &[Php, Unknown], When::Request, EVAL, "assert($_GET['x'])"),
    api("", &["create_function"], &[Php, Unknown], When::Given, EVAL, "create_function('$a', $b)"),
    api("", &["class_eval", "instance_eval", "module_eval"], &[Ruby, Unknown], When::Operand, EVAL, "instance_eval(code)"),
    api("*", &["class_eval", "instance_eval", "module_eval"], &[Ruby, Unknown], When::Text, EVAL, "x.instance_eval('code')"),
    api("Kernel", &["eval"], &[Ruby, Unknown], When::Given, EVAL, "Kernel.eval(code)"),
    api("", &["loadstring"], &[Lua, Unknown], When::Given, EVAL, "loadstring(code)"),
    api("CSharpScript", &["EvaluateAsync", "RunAsync"], &[DotNet, Unknown], When::Given, EVAL, "CSharpScript.EvaluateAsync(code)"),
    // Processes: Python.
    api("os", &["execl", "execle", "execlp", "execlpe", "execv", "execve", "execvp", "execvpe", "popen", "popen2", "popen3", "popen4", "posix_spawn", "posix_spawnp", "spawnl", "spawnle", "spawnlp", "spawnlpe", "spawnv", "spawnve", "spawnvp", "spawnvpe", "startfile", "system"], PY, When::Given, SPAWN, "os.system(cmd)"),
    api("subprocess", &["Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "run"], PY, When::Given, SPAWN, "subprocess.run(['ls'])"),
    api("", &["Popen", "check_call", "check_output", "getstatusoutput"], PY, When::Given, SPAWN, "check_output(cmd)"),
    api("commands", &["getoutput", "getstatus", "getstatusoutput"], PY, When::Given, SPAWN, "commands.getoutput(cmd)"),
    api("popen2", &["Popen3", "Popen4", "popen2", "popen3", "popen4"], PY, When::Given, SPAWN, "popen2.popen3(cmd)"),
    api("*", &["create_subprocess_exec", "create_subprocess_shell"], PY, When::Given, SPAWN, "asyncio.create_subprocess_shell(cmd)"),
    api("", &["create_subprocess_exec", "create_subprocess_shell"], PY, When::Given, SPAWN, "create_subprocess_exec(cmd)"),
    api("pty", &["spawn"], PY, When::Given, SPAWN, "pty.spawn('/bin/sh')"),
    api("platform", &["popen"], PY, When::Given, SPAWN, "platform.popen(cmd)"),
    api("posix", &["popen", "system"], PY, When::Given, SPAWN, "posix.system(cmd)"),
    api("pexpect", &["run", "spawn"], PY, When::Given, SPAWN, "pexpect.spawn('ssh host')"),
    // Processes: JavaScript.
    api("child_process", &["exec", "execFile", "execFileSync", "execSync", "fork", "spawn", "spawnSync"], JS, When::Given, SPAWN, "child_process.exec(cmd)"),
    api("childProcess", &["exec", "execFile", "execFileSync", "execSync", "fork", "spawn", "spawnSync"], JS, When::Given, SPAWN, "childProcess.spawn(cmd)"),
    api("cp", &["exec", "execFile", "execFileSync", "execSync", "fork", "spawn", "spawnSync"], JS, When::Given, SPAWN, "cp.execSync(cmd)"),
    api("", &["execFile", "execFileSync", "execSync", "spawnSync"], JS, When::Given, SPAWN, "execSync(cmd)"),
    api("", &["spawn"], JS, When::TextAndList, SPAWN, "spawn('ls', ['-l'])"),
    api("shell", &["exec"], JS, When::Text, SPAWN, "shell.exec('ls')"),
    api("shelljs", &["exec"], JS, When::Given, SPAWN, "shelljs.exec(cmd)"),
    api("shell", &["rm"], JS, When::Recursive, TREE, "shell.rm('-rf', dir)"),
    api("shelljs", &["rm"], JS, When::Recursive, TREE, "shelljs.rm('-rf', dir)"),
    api("Deno", &["Command", "run"], JS, When::Given, SPAWN, "new Deno.Command('ls')"),
    api("Bun", &["spawn", "spawnSync"], JS, When::Given, SPAWN, "Bun.spawn(['ls'])"),
    api("", &["execa", "execaCommand", "execaSync"], JS, When::Given, SPAWN, "execaCommand('ls')"),
    // Processes: others.
    api("", &["system"], &[C, Php, Ruby, Perl, R, Unknown], When::Operand, SPAWN, "system(\"ls\")"),
    api("Kernel", &["exec", "spawn", "system"], &[Ruby, Unknown], When::Given, SPAWN, "Kernel.system(cmd)"),
    api("std", &["system"], &[C, Unknown], When::Given, SPAWN, "std::system(cmd)"),
    api("", &["popen"], &[Python, C, Php, Unknown], When::Given, SPAWN, "popen(cmd, \"r\")"),
    api("", &["_popen", "_wpopen", "_wsystem"], &[C, Unknown], When::Given, SPAWN, "_popen(cmd, \"r\")"),
    api("", &["execl", "execle", "execlp", "execv", "execve", "execvp", "execvpe", "fexecve", "posix_spawn", "posix_spawnp"], &[C, Python, Unknown], When::Given, SPAWN, "execve(path, argv, envp)"),
    api("", &["CreateProcess", "CreateProcessA", "CreateProcessW", "ShellExecute", "ShellExecuteA", "ShellExecuteEx", "ShellExecuteW", "WinExec"], &[C, DotNet, Unknown], When::Given, SPAWN, "WinExec(cmd, SW_HIDE)"),
    api("*", &["ShellExecuteA", "ShellExecuteW", "WinExec"], &[Python, C, Unknown], When::Given, SPAWN, "windll.shell32.ShellExecuteW(None, op)"),
    api("", &["passthru", "pcntl_exec", "proc_open", "shell_exec"], &[Php, Unknown], When::Given, SPAWN, "shell_exec($cmd)"),
    api("IO", &["popen"], &[Ruby, Unknown], When::Given, SPAWN, "IO.popen(cmd)"),
    api("Open3", &["capture2", "capture2e", "capture3", "pipeline", "popen2", "popen2e", "popen3"], &[Ruby, Unknown], When::Given, SPAWN, "Open3.capture3(cmd)"),
    api("Process", &["spawn"], &[Ruby, Unknown], When::Given, SPAWN, "Process.spawn(cmd)"),
    api("Process", &["Start"], &[DotNet, Unknown], When::Given, SPAWN, "Process.Start(\"cmd.exe\")"),
    api("new", &["ProcessStartInfo"], &[DotNet, Unknown], When::Given, SPAWN, "new ProcessStartInfo(\"cmd.exe\")"),
    api("getRuntime", &["exec"], &[Java, Unknown], When::Given, SPAWN, "Runtime.getRuntime().exec(cmd)"),
    api("Runtime", &["exec"], &[Java, Unknown], When::Given, SPAWN, "Runtime.exec(cmd)"),
    api("new", &["ProcessBuilder"], &[Java, Unknown], When::Always, SPAWN, "new ProcessBuilder(cmd)"),
    api("", &["ProcessBuilder"], &[Java, Unknown], When::Given, SPAWN, "ProcessBuilder(cmd).start()"),
    api("exec", &["Command", "CommandContext"], &[Go, Unknown], When::Given, SPAWN, "exec.Command(\"sh\", \"-c\", x)"),
    api("syscall", &["Exec", "ForkExec", "StartProcess"], &[Go, Unknown], When::Given, SPAWN, "syscall.Exec(path, args, env)"),
    api("os", &["StartProcess"], &[Go, Unknown], When::Given, SPAWN, "os.StartProcess(path, args, attr)"),
    api("Command", &["new"], &[Rust, Unknown], When::Run, SPAWN, "Command::new(\"sh\").output()"),
    api("os", &["execute"], &[Lua, Unknown], When::Given, SPAWN, "os.execute(cmd)"),
    api("io", &["popen"], &[Lua, Unknown], When::Given, SPAWN, "io.popen(cmd)"),
    api("", &["system2"], &[R, Unknown], When::Text, SPAWN, "system2(\"ls\")"),
    // Deletion.
    api("shutil", &["rmtree"], PY, When::Given, TREE, "shutil.rmtree(path)"),
    api("", &["rmtree"], PY, When::Given, TREE, "rmtree(path)"),
    api("os", &["remove", "removedirs", "rmdir", "unlink"], PY, When::Given, FILE, "os.unlink(path)"),
    api("fs", &["rm", "rmSync", "rmdir", "rmdirSync"], JS, When::Recursive, TREE, "fs.rmSync(path, {recursive: true})"),
    api("fsp", &["rm", "rmdir"], JS, When::Recursive, TREE, "fsp.rm(path, {recursive: true})"),
    api("fsPromises", &["rm", "rmdir"], JS, When::Recursive, TREE, "fsPromises.rm(path, {recursive: true})"),
    api("promises", &["rm", "rmdir"], JS, When::Recursive, TREE, "fs.promises.rm(path, {recursive: true})"),
    api("", &["rm", "rmSync", "rmdirSync"], JS, When::Recursive, TREE, "rmSync(path, {recursive: true})"),
    api("fs", &["unlink", "unlinkSync"], JS, When::Given, FILE, "fs.unlinkSync(path)"),
    api("", &["unlinkSync"], JS, When::Given, FILE, "unlinkSync(path)"),
    api("", &["rimraf", "rimrafSync"], JS, When::Given, TREE, "rimraf(path)"),
    api("rimraf", &["rimraf", "sync"], JS, When::Given, TREE, "rimraf.sync(path)"),
    api("fse", &["emptyDir", "emptyDirSync", "remove", "removeSync"], JS, When::Given, TREE, "fse.removeSync(path)"),
    api("Deno", &["remove", "removeSync"], JS, When::Recursive, TREE, "Deno.remove(path, {recursive: true})"),
    api("FileUtils", &["remove_dir", "remove_entry", "rm_r", "rm_rf", "rmtree"], &[Ruby, Unknown], When::Given, TREE, "FileUtils.rm_rf(path)"),
    api("FileUtils", &["deleteDirectory", "forceDelete"], &[Java, Unknown], When::Given, TREE, "FileUtils.deleteDirectory(dir)"),
    api("os", &["RemoveAll"], &[Go, Unknown], When::Given, TREE, "os.RemoveAll(path)"),
    api("fs", &["remove_dir_all"], &[Rust, Unknown], When::Given, TREE, "fs::remove_dir_all(path)"),
    api("", &["remove_dir_all"], &[Rust, Unknown], When::Given, TREE, "remove_dir_all(path)"),
    api("filesystem", &["remove_all"], &[C, Unknown], When::Given, TREE, "std::filesystem::remove_all(path)"),
    api("fs", &["remove_all"], &[C, Unknown], When::Given, TREE, "fs::remove_all(path)"),
    api("Directory", &["Delete"], &[DotNet, Unknown], When::True, TREE, "Directory.Delete(path, true)"),
    api("", &["remove_tree", "rmtree"], &[Perl], When::Given, TREE, "remove_tree($path)"),
    api("", &["unlink"], &[Php, C, Unknown], When::Operand, FILE, "unlink($path)"),
];

/// Modules whose members are found however they were imported.
pub(super) const MODULES: [&str; 9] = [
    "builtins",
    "commands",
    "os",
    "platform",
    "popen2",
    "posix",
    "pty",
    "shutil",
    "subprocess",
];
