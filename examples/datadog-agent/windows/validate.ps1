# Runs after each install, and alone decides whether a version counts as installed already.
$ErrorActionPreference = 'Stop'
try {
    $wanted = (Get-Content -Raw (Join-Path (Get-Location) 'payload/VERSION')).Trim()
    $file = Join-Path (Join-Path $env:ProgramFiles 'Datadog Agent') 'VERSION'
    $found = 'none'
    if (Test-Path $file) {
        $found = (Get-Content -Raw $file).Trim()
    }
    if ($found -ne $wanted) {
        [Console]::Error.WriteLine("Datadog Agent $wanted is wanted, found $found")
        exit 1
    }
    exit 0
} catch {
    [Console]::Error.WriteLine($_)
    exit 1
}
