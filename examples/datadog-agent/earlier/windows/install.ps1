# Run as SYSTEM in the folder that the zip was unpacked to. The agent looks at the exit code only: every way out sets one.
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
