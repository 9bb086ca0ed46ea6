# Instead of uninstall and install when a rollout says `install: in-place` and a version is there already.
$ErrorActionPreference = 'Stop'
try {
    $target = Join-Path $env:ProgramFiles 'Datadog Agent'
    New-Item -ItemType Directory -Force -Path $target | Out-Null
    Copy-Item -Recurse -Force -Path (Join-Path (Get-Location) 'payload/*') -Destination $target
    exit 0
} catch {
    [Console]::Error.WriteLine($_)
    exit 1
}
