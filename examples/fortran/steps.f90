! Adds up, saves itself half-way and ends; the restarted process does the rest. Without the agent it runs in one go.
program steps
  use ckpt
  use, intrinsic :: iso_fortran_env, only: int64, output_unit
  implicit none
  type(ckpt_options) :: half
  integer(int64) :: step, total
  integer(c_int) :: now

  half%flags = ckpt_exit
  half%every = 500000
  total = 0
  do step = 1, 999999
    total = total + step
    if (step == 500000) then
      print '(a, i0)', 'half-way: ', total
      flush (output_unit)
    end if
    now = ckpt_checkpoint('steps.ckpt', half)
    if (now == ckpt_restarted) print '(a)', 'restarted'
    if (now < 0 .and. now /= -38) then
      print '(a)', ckpt_strerror(now)
      stop 1
    end if
  end do
  print '(a, i0, a, i0, a)', 'sum: ', total, ', after ', ckpt_restarts(), ' restarts'
  if (total /= 499999500000_int64) stop 1
end program
